"""``/models`` for people: the model cards as pages. ``GET /v1/models`` says the same of what runs, for programs."""

from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import Response
from markdown_it import MarkdownIt
from markdown_it.token import Token

from app.http.human_pages import human_page
from app.http.problem_types import RequestFault
from app.http.problems import ProblemError

CARDS = Path(__file__).parents[2] / "models" / "cards"

PURPOSES = {
    "sur_head": "Who would notice",
    "sur_features": "What there is to notice in a photo",
    "fpsnet": "Where distortion hides",
    "fpsnet_part": "Where distortion hides, in a part of a large photo",
    "full_reference": "How close a picture looks to the original",
    "quality_score": "How good a picture looks",
    "patchnet_map": "How good each part looks, as a map",
    "patchnet": "How good a part looks",
    "dipqa_128": "How close a part looks to the original",
    "dipqa_64": "How close a small part looks to the original",
}
"""What each model is asked, in plain words, those of the default request first."""

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Card:
    """A model card as HTML. ``summary`` is its first paragraph, ``body`` all of it."""

    name: str
    title: str
    summary: str
    body: str


@router.get("/models")
async def models_page() -> Response:
    """All models, each with what its card says first."""
    items = "".join(
        f'<section class="card"><h2><a href="/models/{card.name}">{PURPOSES.get(card.name, card.name)}</a></h2>'
        f'<p class="small soft">{escape(card.title)}</p>{card.summary}</section>'
        for card in cards().values()
    )
    text = (
        "<h1>Models</h1><p>Everything that Limen predicts comes from these networks. Each card says what its network "
        "is for, what it learned from, how good it is, where it fails, and who may use it.</p>"
        f'{items}<p class="soft">What runs at this moment, for programs: <a href="/v1/models">/v1/models</a>.</p>'
    )
    return human_page("Models", text)


@router.get("/models/{name}")
async def model_page(name: str) -> Response:
    """One card."""
    card = cards().get(name)
    if card is None:
        raise ProblemError(RequestFault.ROUTE_UNKNOWN, "There is no model of that name; /models lists them.")
    return human_page(card.title, f'<p><a href="/models">All models</a></p>{card.body}')


@cache
def cards() -> dict[str, Card]:
    """All cards by the model's name, in the order of ``PURPOSES``."""
    found = {path.stem: _card(path) for path in sorted(CARDS.glob("*.md"))}
    return {name: found[name] for name in sorted(found, key=[*PURPOSES, *found].index)}


def _card(path: Path) -> Card:
    """Read a card; HTML in it stays text. A link to another card leads to its page; others into the repository lead
    nowhere here, and their words stay."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(path.read_text(encoding="utf-8"))
    for token in tokens:
        token.children = _with_links_that_lead_somewhere(token.children or [])
    title = next(token.content for token in tokens if token.type == "inline")
    first = next(at for at, token in enumerate(tokens) if token.type == "paragraph_open")
    render = markdown.renderer.render
    body = render(tokens, markdown.options, {})
    body = body.replace("<table>", '<div class="wide"><table>').replace("</table>", "</table></div>")
    return Card(path.stem, title, render(tokens[first : first + 3], markdown.options, {}), body)


def _with_links_that_lead_somewhere(tokens: list[Token]) -> list[Token]:
    kept, inside = [], False
    for token in tokens:
        address = str(token.attrGet("href")) if token.type == "link_open" else ""
        card = CARDS / address
        if card.suffix == ".md" and card.parent == CARDS and card.is_file():
            token.attrSet("href", f"/models/{card.stem}")
            kept.append(token)
        elif address and "://" not in address:
            inside = True
        elif token.type == "link_close" and inside:
            inside = False
        else:
            kept.append(token)
    return kept
