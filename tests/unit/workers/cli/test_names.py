"""Names of results: of the photo's name alone, one for each photo, never too long for a file system."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.cli.files import counted, destination, shown
from workers.cli.names import is_of_another_format, possible_partners, result_name

SUFFIXES = (".jpg", ".JPG", ".jpeg", ".jfif", ".png", ".webp", ".heic", ".mpo", ".image", ".vjpg", ".txt", ".svg", "")
NAMES = st.builds(
    lambda stem, suffixes: stem + "".join(suffixes),
    st.sampled_from(("a", "b", ".", "a.b", "\udcfc", "x" * 240, "x" * 246, "ü" * 120)),
    st.lists(st.sampled_from(SUFFIXES), max_size=4),
).filter(lambda name: len(os.fsencode(name)) <= 255 and name not in (".", ".."))


@given(NAMES, NAMES, st.sampled_from((".jpg", ".png", ".vjpg", ".svg", ".npz")))
def test_no_two_photos_have_one_result(first: str, second: str, suffix: str) -> None:
    results = result_name(first, suffix), result_name(second, suffix)
    assert (results[0] == results[1]) == (first == second)
    assert max(len(os.fsencode(result)) for result in results) <= 255


@pytest.mark.parametrize(
    ("name", "suffix", "result"),
    [
        ("a.jpg", ".jpg", "a.jpg"),
        ("a.JPEG", ".jpg", "a.JPEG"),
        ("a.png", ".jpg", "a.png.jpg"),
        ("a.png.jpg", ".jpg", "a.png.jpg.jpg"),
        ("a", ".jpg", "a.image.jpg"),
        ("a.jpg_large", ".jpg", "a.jpg_large.image.jpg"),
        ("a.jpg", ".png", "a.jpg.png"),
        ("a.png", ".png", "a.png"),
        ("a.jpg", ".svg", "a.jpg.svg"),
        ("v1.2.jpg", ".jpg", "v1.2.jpg"),
    ],
)
def test_what_results_are_called(name: str, suffix: str, result: str) -> None:
    assert result_name(name, suffix) == result
    assert Path("deep", name) in possible_partners(Path("deep", result))


@pytest.mark.parametrize(
    ("path", "result", "other"),
    [
        ("x.png", "photo.jpg", True),
        ("x.JFIF", "photo.jpg", False),
        ("x", "photo.jpg", False),
        ("x.tmp", "photo.jpg", False),
        ("x.jpg", "jnd-map.png", True),
        ("x.jpg", "photo.vjpg", True),
        ("x.png", "jnd-map.npz", True),
    ],
)
def test_a_suffix_of_another_format(path: str, result: str, other: bool) -> None:
    assert is_of_another_format(Path(path), result) is other


def test_what_a_terminal_would_obey_is_escaped() -> None:
    assert shown(os.fsdecode(b"M\xfcller\x1b[2J\n.jpg")) == r"M\xfcller\x1b[2J\n.jpg"
    assert shown("Müller ß 写真.jpg") == "Müller ß 写真.jpg"


def test_one_is_no_plural() -> None:
    assert [counted(number, "photo") for number in (0, 1, 2)] == ["0 photos", "1 photo", "2 photos"]


def test_a_slash_at_the_end_means_a_folder(tmp_path: Path) -> None:
    assert destination(f"{tmp_path}/new/").file_for(Path("a.png"), "photo.jpg") == tmp_path / "new" / "a.png.jpg"
    assert destination(str(tmp_path)).file_for(Path("deep/a.jpg"), "photo.jpg") == tmp_path / "a.jpg"
    assert destination(str(tmp_path / "new")).file_for(Path("a.png"), "photo.jpg") == tmp_path / "new"
    assert destination(f"{tmp_path}/").file_for(Path("-"), "photo.jpg") == tmp_path / "photo.jpg"
