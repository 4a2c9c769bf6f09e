"""What became of each photo of a folder, for people and as JSON: a line or an object that accounts for every file."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import typer

from workers.cli.files import counted, print_json, shown
from workers.cli.journal import Done
from workers.cli.options import RunOptions
from workers.cli.photos import Skip
from workers.cli.work import Item


@dataclass(slots=True)
class Outcomes:
    """What became of each file, by its name in the folder; ``already``: the photos among ``done`` that were so."""

    done: dict[str, Done] = field(default_factory=dict)
    already: set[str] = field(default_factory=set)
    skipped: dict[str, Skip] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def all_done(self) -> bool:
        """Whether every file is done but those that were left out on purpose."""
        return not self.failed and all(skip.on_purpose for skip in self.skipped.values())


def print_outcomes(
    outcomes: Outcomes, items: Mapping[str, Item], totals: Callable[[Outcomes], str], options: RunOptions
) -> None:
    """Say what became of all, as the options ask for."""
    if options.as_json:
        photos = [_photo_body(name, item, outcomes) for name, item in items.items() if name in outcomes.done]
        print_json({"photos": photos} | _others_body(outcomes) | {"left": _left(outcomes, items)})
    elif not options.quiet:
        states = {name: f"done     {outcomes.done[name].result.summary()}" for name in items if name in outcomes.done}
        states |= dict.fromkeys(_left(outcomes, items), "left     interrupted before it was done")
        _print_table(states, outcomes, f"{totals(outcomes)}{_counts(outcomes)}")


def _left(outcomes: Outcomes, items: Mapping[str, Item]) -> list[str]:
    """Photos that SIGINT came before."""
    return [
        name for name in items if name not in outcomes.done.keys() | outcomes.skipped.keys() | outcomes.failed.keys()
    ]


def _photo_body(name: str, item: Item, outcomes: Outcomes) -> dict[str, Any]:
    done = outcomes.done[name]
    return done.result.model_dump(mode="json") | {
        "photo": str(item.photo),
        "input_bytes": done.input_bytes,
        "files": {key: str(path) for key, path in item.outputs.items()},
        "already_done": name in outcomes.already,
    }


def _others_body(outcomes: Outcomes) -> dict[str, Any]:
    return {
        "skipped": [
            {"photo": name, "reason": skip.reason, "on_purpose": skip.on_purpose}
            for name, skip in outcomes.skipped.items()
        ],
        "failed": [{"photo": name, "error": error} for name, error in outcomes.failed.items()],
    }


def _print_table(states: Mapping[str, str], outcomes: Outcomes, last_line: str) -> None:
    """One line for each file, whatever became of it."""
    lines = dict(states)
    lines |= {name: f"skipped  {skip.reason}" for name, skip in outcomes.skipped.items()}
    lines |= {name: f"failed   {error}" for name, error in outcomes.failed.items()}
    width = max(len(shown(name)) for name in lines) if lines else 0
    for name in sorted(lines):
        typer.echo(f"{shown(name):{width}}  {lines[name]}")
    typer.echo(last_line)


def print_plan(outcomes: Outcomes, items: Mapping[str, Item], options: RunOptions) -> None:
    """What would be done, of which nothing has been."""
    planned = {name: item for name, item in items.items() if name not in outcomes.done}
    if options.as_json:
        plan = [
            {"photo": str(item.photo), "files": {key: str(path) for key, path in item.outputs.items()}}
            for item in planned.values()
        ]
        there = [_photo_body(name, items[name], outcomes) for name in outcomes.done]
        print_json({"planned": plan, "photos": there} | _others_body(outcomes))
        return
    if options.quiet:
        return
    states = {
        name: f"to do    {', '.join(shown(path) for path in item.outputs.values())}".rstrip()
        for name, item in planned.items()
    }
    states |= dict.fromkeys(outcomes.done, "done     there already")
    _print_table(states, outcomes, f"{counted(len(planned), 'photo')} to do; nothing was written{_counts(outcomes)}")


def _counts(outcomes: Outcomes) -> str:
    was = "was" if len(outcomes.already) == 1 else "were"
    parts = [f"{len(outcomes.already)} {was} there already"] if outcomes.already else []
    parts += [f"{len(outcomes.skipped)} skipped"] if outcomes.skipped else []
    parts += [f"{len(outcomes.failed)} failed"] if outcomes.failed else []
    return f" ({', '.join(parts)})" if parts else ""


def bytes_before_and_after(outcomes: Outcomes) -> str:
    """What a folder weighed and weighs now."""
    before = sum(done.input_bytes for done in outcomes.done.values())
    after = sum(sum(done.output_bytes.values()) for done in outcomes.done.values())
    saved = f", {100 * (1 - after / before):.1f} % saved" if before else ""
    return f"{counted(len(outcomes.done), 'photo')}: {before} bytes before, {after} bytes after{saved}"


def number_of_photos(outcomes: Outcomes) -> str:
    """For verbs that make no smaller file."""
    return counted(len(outcomes.done), "photo")
