"""``report.html`` of an experiment: one file with its figures, losses, scatter plots with fit, curves and photos."""

import base64
import html
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from models.types import Rgb8
from training.maths.agreement import logistic_fit

# Longest side of an embedded photo in pixels.
PICTURE_SIDE = 480
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "figure{display:inline-block;margin:0 1rem 1rem 0;vertical-align:top}img,svg{max-width:100%;height:auto}"
    "pre{background:#f4f4f4;padding:1rem;overflow:auto}figcaption{color:#555;max-width:30rem}"
)


@dataclass(frozen=True, slots=True)
class Scatter:
    """Predictions (N,) against what they should be (N,), with the four-parameter logistic that PLCC is taken after."""

    title: str
    predicted: NDArray[np.float64]
    truth: NDArray[np.float64]
    units: str


@dataclass(frozen=True, slots=True)
class Curves:
    """Lines over one axis: ``lines`` maps a label to values of the shape of ``x``."""

    title: str
    x: NDArray[np.float64]
    lines: Mapping[str, NDArray[np.float64]]
    x_label: str
    y_label: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A photo uint8 (H, W, 3) and what to say of it, such as "best: 01.png, error 0.2 levels"."""

    caption: str
    pixels: Rgb8


@dataclass(frozen=True, slots=True)
class Report:
    """What an evaluation has to show; parts that stay empty are left out."""

    title: str
    figures: Mapping[str, Any]
    history: Sequence[tuple[float, float]] = ()
    scatters: Sequence[Scatter] = ()
    curves: Sequence[Curves] = ()
    pictures: Sequence[Picture] = field(default=())


def write_report(path: Path, report: Report) -> None:
    """Write one self-contained HTML file: no script, nothing loaded from elsewhere."""
    plots = [
        *([_history(report.history)] if report.history else []),
        *(_scatter(scatter) for scatter in report.scatters),
        *(_curves(curves) for curves in report.curves),
    ]
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{html.escape(report.title)}</title>",
        f"<style>{_STYLE}</style><h1>{html.escape(report.title)}</h1>",
        *(f"<figure>{_svg(plot)}</figure>" for plot in plots),
        *(_picture(picture) for picture in report.pictures),
        f"<h2>Figures</h2><pre>{html.escape(json.dumps(report.figures, indent=2))}</pre></html>",
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(parts))


def _history(history: Sequence[tuple[float, float]]) -> Figure:
    figure, axes = _axes("Loss", "epoch", "loss")
    epochs = np.arange(1, len(history) + 1)
    for index, label in enumerate(("training", "validation")):
        axes.plot(epochs, [losses[index] for losses in history], label=label)
    axes.legend()
    return figure


def _scatter(scatter: Scatter) -> Figure:
    figure, axes = _axes(scatter.title, f"predicted, {scatter.units}", "should be")
    axes.plot(scatter.predicted, scatter.truth, ".", markersize=3, alpha=0.5)
    line = np.linspace(scatter.predicted.min(), scatter.predicted.max(), 200)
    axes.plot(line, logistic_fit(scatter.predicted, scatter.truth)(line))
    return figure


def _curves(curves: Curves) -> Figure:
    figure, axes = _axes(curves.title, curves.x_label, curves.y_label)
    for label, values in curves.lines.items():
        axes.plot(curves.x, values, label=label)
    axes.legend()
    return figure


def _axes(title: str, x_label: str, y_label: str) -> tuple[Figure, Any]:
    figure = Figure(figsize=(5, 4), layout="constrained")
    axes = figure.add_subplot()
    axes.set(title=title, xlabel=x_label, ylabel=y_label)
    axes.grid(alpha=0.3)
    return figure, axes


def _svg(figure: Figure) -> str:
    sink = io.StringIO()
    # A fixed salt and no date: the same figures give the same file.
    with matplotlib.rc_context({"svg.hashsalt": "limen"}):
        figure.savefig(sink, format="svg", metadata={"Date": None})
    text = sink.getvalue()
    return text[text.index("<svg") :]


def _picture(picture: Picture) -> str:
    image = Image.fromarray(picture.pixels)
    image.thumbnail((PICTURE_SIDE, PICTURE_SIDE))
    sink = io.BytesIO()
    image.save(sink, "PNG")
    data = base64.b64encode(sink.getvalue()).decode()
    caption = html.escape(picture.caption)
    return (
        f'<figure><img alt="{caption}" src="data:image/png;base64,{data}"><figcaption>{caption}</figcaption></figure>'
    )
