"""The console script: what is wrong with its words is one line on standard error, and exit status 2."""

import sys

import pytest

from workers.cli.program import main


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["limen", *words])
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nosuch",), "nosuch"),
        (("varjpeg",), "IN"),
        (("varjpeg", "a.png", "--nosuch"), "--nosuch"),
        (("varjpeg", "a.png", "--format", "foo"), "'foo' is not one of 'jpeg', 'varjpeg'"),
        (("serve", "--port", "http"), "--port"),
        (("keys", "create", "x", "--scope", "everything"), "'submit', 'read', 'study', 'admin'"),
    ],
)
def test_wrong_words_are_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    assert run(monkeypatch, *words) == 2
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.startswith("limen: ")
    assert errors.count("\n") == 1
    assert said in errors
    assert "Value error" not in errors


@pytest.mark.parametrize(("words", "status"), [((), 2), (("keys",), 2), (("--help",), 0), (("--version",), 0)])
def test_help_is_as_long_as_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], status: int
) -> None:
    assert run(monkeypatch, *words) == status
    output, errors = capsys.readouterr()
    assert "limen" in output + errors
    assert "Traceback" not in errors
