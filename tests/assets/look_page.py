"""The page at ``/`` as a test uses it: what a person does there, and what can be read there."""

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.assets.browser import Browser

LAYERS = ("jnd", "quality", "closeness", "none")


class LookPage:
    """The page in a browser, against the service at ``url``."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.browser, self.url = browser, url

    def open(self, query: str = "") -> None:
        """Load the page anew and forget what was asked for before."""
        self.browser.open("about:blank")
        self.browser.complaints.clear()
        self.browser.requested.clear()
        self.browser.open(f"{self.url}/{query}")

    def choose(self, photo: Path) -> None:
        """Choose a photo by the dialogue, and wait for everything that follows from it."""
        self.browser.choose_file("#file", photo)
        self.until_done()

    def until_done(self, timeout_s: float = 60) -> None:
        """Wait until no work is left."""
        self.browser.until("document.getElementById('status').textContent === 'Done.'", timeout_s)

    def click(self, element_id: str) -> None:
        """Click an element."""
        self.browser.evaluate(f"document.getElementById({json.dumps(element_id)}).click()")

    def pick(self, name: str, value: str) -> None:
        """Choose one of the radio buttons that share a name."""
        self.browser.evaluate(f"document.querySelector('[name={name}][value=\"{value}\"]').click()")

    def set(self, element_id: str, value: float | str) -> None:
        """Give a control a value, as its user does."""
        self.browser.evaluate(
            f"{{const control = document.getElementById({json.dumps(element_id)}); control.value = {json.dumps(value)};"
            "for (const name of ['input', 'change']) control.dispatchEvent(new Event(name, {bubbles: true}));}"
        )

    def text(self, element_id: str) -> str:
        """What an element says, if it is seen."""
        found = self.browser.evaluate(
            f"(() => {{const element = document.getElementById({json.dumps(element_id)});"
            "return element.checkVisibility() ? element.textContent.replace(/\\s+/g, ' ').trim() : '';})()"
        )
        assert isinstance(found, str)
        return found

    def figures(self, list_id: str) -> dict[str, str]:
        """Names and values of a list of figures."""
        pairs = self.browser.evaluate(
            f"[...document.querySelectorAll('#{list_id} > div')].map((pair) =>"
            " [pair.querySelector('dt').textContent, pair.querySelector('dd').textContent])"
        )
        return dict(pairs)

    def pixels(self, canvas_id: str) -> str:
        """A digest of what a canvas shows, once it has been laid out, measured and drawn."""
        value = self.browser.evaluate(
            "new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() =>"
            " requestAnimationFrame(() => {"
            f"const canvas = document.getElementById({json.dumps(canvas_id)});"
            "const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);"
            "let sum = 7; for (const byte of data) sum = (sum * 31 + byte) % 4294967291;"
            "resolve(`${canvas.width}x${canvas.height}:${sum}`);}))))"
        )
        assert isinstance(value, str)
        return value

    def last_request(self, ending: str) -> str:
        """Path of the newest request that ends so."""
        return urlsplit([url for url in self.browser.requested if url.endswith(ending)][-1]).path

    def assert_clean(self) -> None:
        """No console error, and no request to anywhere but the service."""
        assert self.browser.complaints == [], self.browser.complaints
        foreign = [url for url in self.browser.requested if not url.startswith((self.url, "blob:", "data:", "about:"))]
        assert foreign == []

    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        width: int = self.browser.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        return width

    def keep(self, name: str) -> None:
        """A picture of the whole page, where ``LIMEN_SCREENSHOTS`` names a folder."""
        if (folder := os.environ.get("LIMEN_SCREENSHOTS")) is not None:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.browser.screenshot(Path(folder) / f"{name}.png")

    def in_view(self, *selectors: str) -> list[str]:
        """Which of the elements are not wholly seen, in the window as it is scrolled."""
        missing: list[str] = self.browser.evaluate(
            f"{json.dumps(selectors)}.flatMap((selector) => [...document.querySelectorAll(selector)].filter((each) =>"
            " { const box = each.getBoundingClientRect();"
            "return !each.checkVisibility() || box.top < 0 || box.left < 0 || box.right > window.innerWidth"
            " || box.bottom > window.innerHeight; }).map((each) => `${selector}: ${each.textContent}`))"
        )
        return missing

    def focus_by_tab(self, element_id: str, most: int = 120) -> None:
        """Press Tab until an element has the focus: by keyboard alone."""
        for _ in range(most):
            if self.focused() == element_id:
                return
            self.browser.press("Tab")
        raise AssertionError(f"no {element_id} within {most} presses of Tab")

    def focused(self) -> Any:
        """Id of the element that has the focus."""
        return self.browser.evaluate("document.activeElement.id")
