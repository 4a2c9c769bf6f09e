"""Figures of a run as files, with what they come of: ``results/RUN.json`` for programs, ``RUN.md`` for people."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from training.run.config import ExperimentConfig
from training.run.errors import NotFiniteError
from training.run.fingerprint import NO_INPUT, code_digest
from training.run.record import circumstances


def begin_results(config: ExperimentConfig, what: str) -> Path:
    """``WORK/results/NAME[-VARIANT]-WHAT``, which lacks the suffixes; files of an earlier run there are removed."""
    run = "-".join(part for part in (config.name, config.variant.replace("/", "-"), what) if part)
    stem = config.work / "results" / run
    stem.parent.mkdir(parents=True, exist_ok=True)
    for path in _files(stem):
        path.unlink(missing_ok=True)
    return stem


def write_results(stem: Path, figures: Mapping[str, Any], config: ExperimentConfig) -> None:
    """Both files. Raises: NotFiniteError that names each figure that is no number; then there is no file."""
    wrong = [name for name, value in leaves(figures) if isinstance(value, float) and not math.isfinite(value)]
    if wrong:
        raise NotFiniteError(f"no results of {stem.name}: not a number are {', '.join(wrong)}")
    made_from = {"config": config.model_dump(mode="json", exclude=NO_INPUT), "code": code_digest(), **circumstances()}
    json_file, markdown_file = _files(stem)
    json_file.write_text(json.dumps({"figures": figures, "made_from": made_from}, indent=2, allow_nan=False) + "\n")
    markdown_file.write_text(f"# {stem.name}\n\n{markdown(figures)}\n## Made from\n\n{markdown(made_from, 3)}")


def _files(stem: Path) -> tuple[Path, Path]:
    return stem.with_name(f"{stem.name}.json"), stem.with_name(f"{stem.name}.md")


def leaves(figures: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that holds no others, with its place: ``table 2 / csiq / plcc``."""
    if isinstance(figures, Mapping):
        for key, value in figures.items():
            yield from leaves(value, f"{name} / {key}" if name else str(key))
    elif isinstance(figures, Sequence) and not isinstance(figures, str):
        for index, value in enumerate(figures):
            yield from leaves(value, f"{name} / {index}")
    else:
        yield name, figures


def markdown(figures: Mapping[Any, Any], rank: int = 2) -> str:
    """Figures under headings from ``rank`` on: plain ones as a list, mappings of one form as the rows of a table."""
    plain = {name: value for name, value in figures.items() if not _holds_others(value)}
    lines = [f"- {name}: {_shown(value)}\n" for name, value in plain.items()]
    parts = ["".join(lines)] if lines else []
    for name, value in figures.items():
        if name not in plain:
            rows = dict(enumerate(value, 1)) if isinstance(value, Sequence) else value
            content = _table(rows) or markdown(rows, min(rank + 1, 6))
            parts.append(f"{'#' * rank} {name}\n\n{content}")
    return "\n".join(parts)


def _table(rows: Mapping[Any, Any]) -> str:
    """A table of rows that are mappings of plain values; nothing where they are anything else."""
    if not rows or not all(isinstance(row, Mapping) and row for row in rows.values()):
        return ""
    if any(_holds_others(value) for row in rows.values() for value in row.values()):
        return ""
    columns = list(dict.fromkeys(str(name) for row in rows.values() for name in row))
    body = [
        [str(name), *(_shown({str(key): value for key, value in row.items()}.get(column, "")) for column in columns)]
        for name, row in rows.items()
    ]
    lines = [["", *columns], ["---"] * (len(columns) + 1), *body]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _holds_others(value: Any) -> bool:
    """Whether a mapping, or a list of more than plain values."""
    nested = isinstance(value, Sequence) and not isinstance(value, str) and any(not _is_plain(v) for v in value)
    return isinstance(value, Mapping) or nested


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:.1f}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_shown(part) for part in value)
    return str(value).replace("|", "\\|")
