"""``limen report``: one self-contained HTML file that shows a photo's JND map, SUR curve and VarJPEG result."""

import base64
import html
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from workers.cli.answer import Answer
from workers.cli.files import read_bytes
from workers.cli.work import UNREAD, ask
from workers.contracts import AnyRequest, JndMapRequest, JndMapResult, SurCurveRequest, VarJpegRequest, VarJpegResult
from workers.contracts.varjpeg import Trial

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
    requests: tuple[AnyRequest, ...] = (
        JndMapRequest(image_key=UNREAD),
        SurCurveRequest(image_key=UNREAD, percent=100 * target_sur, observer=observer, jnd=jnd),
        VarJpegRequest(image_key=UNREAD, target_sur=target_sur, observer=observer, jnd=jnd),
    )
    answers = []
    for index, request in enumerate(requests):
        step = _step(progress, index, len(requests))
        answers.append(ask(request, contents, server, step, name=str(photo)))
    return _page(photo.name, contents["image_key"], *answers)


def _step(progress: "Progress | None", index: int, count: int) -> "Progress | None":
    return None if progress is None else lambda fraction: progress((index + fraction) / count)


def _page(name: str, original: bytes, jnd_map: Answer, curve: Answer, smaller: Answer) -> str:
    title = html.escape(f"Limen: {name}")
    said = [answer.result.remarks() for answer in (jnd_map, curve, smaller)]
    assert isinstance(jnd_map.result, JndMapResult)  # what these requests are answered with
    assert isinstance(smaller.result, VarJpegResult)
    return "\n".join(
        [
            f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>",
            '<meta name=viewport content="width=device-width, initial-scale=1">',
            f"<style>{_STYLE}</style><h1>{title}</h1>",
            f"<p>{html.escape(smaller.result.summary())}</p>",
            *(f"<p class=small>{html.escape(remark)}</p>" for remark in dict.fromkeys(chain.from_iterable(said))),
            "<h2>Before and after</h2><div class=pair>",
            _original(original, jnd_map.result.source_format),
            _figure("VarJPEG", "image/jpeg", smaller.files["photo.jpg"](), _sizes(smaller.result)),
            "</div><h2>Where distortion is invisible</h2>",
            _figure("JND map over the photo", "image/png", jnd_map.files["overlay.png"](), jnd_map.result.summary()),
            "<h2>Who would notice</h2>",
            _figure("SUR curve", "image/svg+xml", curve.files["sur-curve.svg"](), curve.result.summary()),
            "<h2>Trials</h2>",
            _trials(smaller.result),
            "</html>",
        ]
    )


def _original(data: bytes, source_format: str) -> str:
    media_type = SHOWN_BY_BROWSERS.get(source_format)
    if media_type is None:
        return f"<p>The original is a {html.escape(source_format)} file, which browsers do not show.</p>"
    return _figure("The original", media_type, data, f"{source_format}, {len(data)} bytes")


def _figure(alternative: str, media_type: str, data: bytes, caption: str) -> str:
    source = f"data:{media_type};base64,{base64.b64encode(data).decode()}"
    return (
        f'<figure><img alt="{html.escape(alternative)}" src="{source}">'
        f"<figcaption>{html.escape(alternative)}: {html.escape(caption)}</figcaption></figure>"
    )


def _sizes(result: VarJpegResult) -> str:
    saved = 100 * (1 - result.size_bytes / (result.input_size_bytes or result.size_bytes))
    return f"{result.size_bytes} bytes, {saved:.1f} % fewer"


def _trials(result: VarJpegResult) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(trial.encoder)}<td>{_setting(trial)}<td>{trial.size_bytes}"
        f"<td>{'' if trial.sur is None else format(trial.sur, '.1%')}"
        for trial in result.trials
    )
    return f"<table><tr><th>encoder<th>quality<th>bytes<th>satisfied viewers{rows}</table>"


def _setting(trial: Trial) -> str:
    return f"{trial.quality:g}" + ("" if trial.thrift == 1 else f", thrift {trial.thrift:g}")
