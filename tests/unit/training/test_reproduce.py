"""``limen-train reproduce`` and ``doctor``: a table of a paper by its name, and what there is to make it from."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.assets.datasets import make_hmii, make_koniq, make_mcl_jci
from training import cli
from training.experiments.jnd import experiment as jnd
from training.experiments.published import PUBLISHED, part_of_figures
from training.experiments.sur import experiment as sur

PAPERS = (Path(cli.__file__).parent / "PAPERS.md").read_text()


def limen_train(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["limen-train", *(str(argument) for argument in arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_every_name_is_a_row_of_the_table_of_papers() -> None:
    for name in PUBLISHED:
        assert f"| `{name}` |" in PAPERS, name


def test_a_part_is_found_by_the_beginnings_of_its_keys() -> None:
    figures = {
        "mcl-jci": {"table 1: x": {"jnd1": 1}, "tables 5 to 8": {"jnd1": 2, "jnd2": 3}},
        "jnd-pano": {"table 1": 4},
    }
    assert part_of_figures(figures, ("mcl-jci", "tables 5", "jnd2")) == {"mcl-jci": {"tables 5 to 8": {"jnd2": 3}}}
    assert part_of_figures(figures, ("", "table 1")) == {
        "mcl-jci": {"table 1: x": {"jnd1": 1}},
        "jnd-pano": {"table 1": 4},
    }
    assert part_of_figures(figures, ("live", "table 1")) == {}


def test_one_table_is_made_printed_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mcl-jci").mkdir()
    asked: list[dict[str, Any]] = []

    def table(config: object, root: Path, **options: Any) -> dict[str, Any]:
        asked.append(options)
        return {"mcl-jci": {"tables 5 to 8: photos": {"jnd1": [], "jnd2": [{"source": "a", "delta_jnd": 3}]}}}

    monkeypatch.setattr(sur, "table", table)
    work = tmp_path / "work"
    assert limen_train(monkeypatch, "reproduce", "sur-featnet:table-6", "--root", tmp_path, "--work", work) == 0
    printed = capsys.readouterr()
    expected = {"mcl-jci": {"tables 5 to 8: photos": {"jnd2": [{"source": "a", "delta_jnd": 3}]}}}
    assert json.loads(printed.out) == expected
    assert "kadis-700k is not in" in printed.err
    assert asked == [{"datasets": ("mcl-jci",), "schemes": False}]
    assert json.loads((work / "results" / "sur-featnet-table-6-paper.json").read_text())["figures"] == expected
    assert "| 1 | a | 3 |" in (work / "results" / "sur-featnet-table-6-paper.md").read_text()


def test_missing_data_and_unknown_names_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(jnd, "table", None)  # is not reached
    for name, says in (
        ("fpsnet:table-1", "shen2020"),
        ("multiscale-fr-iqa:table-1", "tid2013"),
        ("fpsnet:9", "no fpsnet:9"),
    ):
        assert limen_train(monkeypatch, "reproduce", name, "--root", tmp_path, "--work", tmp_path / "work") == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert says in line


def test_the_doctor_says_what_is_there_what_is_not_and_what_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_mcl_jci(tmp_path / "mcl-jci", sources=2, qfs=(5, 100), size=64)
    make_hmii(tmp_path / "hmii" / "64", sources=2, size=64)
    make_koniq(tmp_path / "koniq-10k", images=2)
    (tmp_path / "imagenet").mkdir()
    (tmp_path / "imagenet" / "inception_v3.pth").touch()
    assert limen_train(monkeypatch, "doctor", "--root", tmp_path) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "found   mcl-jci: 2 of 50 items" in lines
    assert any(line.startswith("found   hmii/64: ") for line in lines)
    assert any(line.startswith("missing hmii/128: ") for line in lines)
    assert "found   imagenet/inception_v3.pth: torchvision's state dict of Inception-V3" in lines
    assert any(line.startswith("missing live: LIVE release 2: ") and "https://" in line for line in lines)
    assert "makes   sur-featnet:table-6, without kadis-700k" in lines
    assert not any("multiscale" in line for line in lines)
    (tmp_path / "live").mkdir()
    assert limen_train(monkeypatch, "doctor", "--root", tmp_path) == 1
    assert any(line.startswith("broken  live: ") for line in capsys.readouterr().out.splitlines())
