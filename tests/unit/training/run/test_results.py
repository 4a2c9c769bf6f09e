"""Files of results: figures as JSON and as tables, nothing that is no number, and the commands that write them."""

import json
import sys
from pathlib import Path

import pytest

from training import cli
from training.experiments.jnd import experiment
from training.run.config import ExperimentConfig, FitConfig
from training.run.errors import NotFiniteError
from training.run.progress import say, track
from training.run.results import begin_results, markdown, write_results

FIGURES = {
    "pairs": 12,
    "scheme": "a|b",
    "table 1": {"live": {"plcc": 0.91234, "srocc": 0.9}, "csiq": {"plcc": 0.8}},
    "photos": [{"source": "a", "level": 3}, {"source": "b", "level": 4}],
    "deep": {"first": {"x": {"y": 1.5}}, "spread": [0.1, 0.25]},
}


def config(tmp_path: Path) -> ExperimentConfig:
    fit = FitConfig(epochs=3, batch_size=8, learning_rate=0.05)
    return ExperimentConfig(name="line", fit=fit, data=tmp_path, work=tmp_path, variant="paper-seed-1/x")


def test_both_files_say_the_figures_and_what_they_come_of(tmp_path: Path) -> None:
    stem = begin_results(config(tmp_path), "table")
    write_results(stem, FIGURES, config(tmp_path))
    document = json.loads((tmp_path / "results" / "line-paper-seed-1-x-table.json").read_text())
    assert document["figures"] == FIGURES
    assert document["made_from"]["config"]["fit"]["epochs"] == 3
    assert str(tmp_path) not in json.dumps(document)
    text = (tmp_path / "results" / "line-paper-seed-1-x-table.md").read_text()
    assert text.startswith("# line-paper-seed-1-x-table\n\n- pairs: 12\n- scheme: a\\|b\n")
    assert (
        "## table 1\n\n|  | plcc | srocc |\n| --- | --- | --- |\n| live | 0.9123 | 0.9 |\n| csiq | 0.8 |  |\n" in text
    )


def test_nested_figures_get_headings_and_lists_tables() -> None:
    text = markdown(FIGURES)
    assert "## photos\n\n|  | source | level |\n| --- | --- | --- |\n| 1 | a | 3 |\n" in text
    assert "## deep\n\n- spread: 0.1, 0.25\n\n### first\n\n|  | y |\n| --- | --- |\n| x | 1.5 |\n" in text


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_what_is_no_number_is_refused_and_named(tmp_path: Path, wrong: float) -> None:
    stem = begin_results(config(tmp_path), "table")
    write_results(stem, FIGURES, config(tmp_path))
    begin_results(config(tmp_path), "table")
    with pytest.raises(NotFiniteError, match="table 1 / csiq / plcc"):
        write_results(stem, {"table 1": {"csiq": {"plcc": wrong}}}, config(tmp_path))
    assert list((tmp_path / "results").iterdir()) == []  # no figures of another run stand there as if they were of this


def test_a_command_prints_figures_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def measured(config: ExperimentConfig) -> dict[str, float]:
        say("epoch 1/2")
        return {"photos": sum(track([1.0, 2.0], "photos"))}

    monkeypatch.setattr(experiment, "evaluate", measured)
    command = ["limen-train", "evaluate", "jnd", "--data", str(tmp_path), "--work", str(tmp_path / "work")]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {"photos": 3.0}
    assert "epoch 1/2" in printed.err
    written = tmp_path / "work" / "results"
    assert json.loads((written / "jnd-evaluate.json").read_text())["figures"] == {"photos": 3.0}
    assert "- photos: 3\n" in (written / "jnd-evaluate.md").read_text()


def test_a_command_whose_figures_are_no_numbers_ends_with_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(experiment, "table", lambda config, root: {"table_1": {"ssim": float("nan")}})
    command = ["limen-train", "table", "jnd", "--root", str(tmp_path), "--work", str(tmp_path / "work")]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines()[-1].startswith("limen-train: no results of jnd-paper-table")
