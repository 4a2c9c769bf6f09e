"""``limen report``: one self-contained HTML file that shows a photo's JND map, SUR curve and VarJPEG result."""

import base64
import html
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workers.cli.answer import Answer
from workers.cli.files import read_bytes
from workers.cli.summaries import SUMMARY
from workers.cli.work import UNREAD, ask
from workers.contracts import AnyRequest, JndMapRequest, SurCurveRequest, VarJpegRequest

if TYPE_CHECKING:
    from models.types import Progress

SHOWN_BY_BROWSERS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "AVIF": "image/avif"}
_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 72rem; margin: 2rem auto; padding: 0 1rem }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: 1rem }
figure { margin: 0 }
img { max-width: 100%; height: auto; border-radius: 4px; background: #fff }
table { border-collapse: collapse } td, th { padding: .2rem 1rem .2rem 0; text-align: left; vertical-align: top }
figcaption, .small { font-size: .9rem; opacity: .8 }
"""


def report_on(
    photo: Path, *, target_sur: float, observer: str, jnd: int, server: str | None, progress: "Progress | None"
) -> str:
    """The report as HTML without script, nothing loaded from elsewhere. Raises: OSError; LimenError; RemoteError."""
    contents = {"image_key": read_bytes(photo)}
    requests: dict[str, AnyRequest] = {
        "map": JndMapRequest(image_key=UNREAD),
        "curve": SurCurveRequest(image_key=UNREAD, percent=100 * target_sur, observer=observer, jnd=jnd),
        "result": VarJpegRequest(image_key=UNREAD, target_sur=target_sur, observer=observer, jnd=jnd),
    }
    answers = {}
    for index, (part, request) in enumerate(requests.items()):
        step = _step(progress, index, len(requests))
        answers[part] = ask(request, contents, server, step, name=str(photo))
    return _page(photo.name, contents["image_key"], answers)


def _step(progress: "Progress | None", index: int, count: int) -> "Progress | None":
    return None if progress is None else lambda fraction: progress((index + fraction) / count)


def _page(name: str, original: bytes, answers: Mapping[str, Answer]) -> str:
    bodies = {part: answer.body for part, answer in answers.items()}
    title = html.escape(f"Limen: {name}")
    warnings = dict.fromkeys(warning for body in bodies.values() for warning in body["warnings"])
    return "\n".join(
        [
            f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>",
            '<meta name=viewport content="width=device-width, initial-scale=1">',
            f"<style>{_STYLE}</style><h1>{title}</h1>",
            f"<p>{html.escape(SUMMARY['varjpeg'](bodies['result']))}</p>",
            *(f"<p class=small>{html.escape(warning)}</p>" for warning in warnings),
            "<h2>Before and after</h2><div class=pair>",
            _original(original, bodies["map"]),
            _figure("VarJPEG", "image/jpeg", answers["result"].files["photo.jpg"](), _sizes(bodies["result"])),
            "</div><h2>Where distortion is invisible</h2>",
            _figure(
                "JND map over the photo",
                "image/png",
                answers["map"].files["overlay.png"](),
                SUMMARY["jnd-map"](bodies["map"]),
            ),
            "<h2>Who would notice</h2>",
            _figure(
                "SUR curve",
                "image/svg+xml",
                answers["curve"].files["sur-curve.svg"](),
                SUMMARY["sur-curve"](bodies["curve"]),
            ),
            "<h2>Trials</h2>",
            _trials(bodies["result"]),
            "</html>",
        ]
    )


def _original(data: bytes, body: Mapping[str, Any]) -> str:
    media_type = SHOWN_BY_BROWSERS.get(body["source_format"])
    if media_type is None:
        return f"<p>The original is a {html.escape(body['source_format'])} file, which browsers do not show.</p>"
    return _figure("The original", media_type, data, f"{body['source_format']}, {len(data)} bytes")


def _figure(alternative: str, media_type: str, data: bytes, caption: str) -> str:
    source = f"data:{media_type};base64,{base64.b64encode(data).decode()}"
    return (
        f'<figure><img alt="{html.escape(alternative)}" src="{source}">'
        f"<figcaption>{html.escape(alternative)}: {html.escape(caption)}</figcaption></figure>"
    )


def _sizes(body: Mapping[str, Any]) -> str:
    saved = 100 * (1 - body["size_bytes"] / body["input_size_bytes"])
    return f"{body['size_bytes']} bytes, {saved:.1f} % fewer"


def _trials(body: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(str(trial['encoder']))}<td>{_setting(trial)}<td>{trial['size_bytes']}"
        f"<td>{'' if trial['sur'] is None else format(trial['sur'], '.1%')}"
        for trial in body["trials"]
    )
    return f"<table><tr><th>encoder<th>quality<th>bytes<th>satisfied viewers{rows}</table>"


def _setting(trial: Mapping[str, Any]) -> str:
    return f"{trial['quality']:g}" + ("" if trial["thrift"] == 1 else f", thrift {trial['thrift']:g}")
