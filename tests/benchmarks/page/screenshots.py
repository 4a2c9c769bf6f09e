"""Pictures of every page in three sizes, light and dark, to be looked at.

``python -m tests.benchmarks.page.screenshots DIR`` starts an embedded service with the real models and writes
``PAGE-SIZE-SCHEME.png``: what the window shows without scrolling, or with ``--whole`` the page in its whole length.
"""

import argparse
import tempfile
from pathlib import Path

import httpx2

from tests.assets.browser import Browser, find_browser
from tests.assets.drawn_photos import landscape, portrait
from tests.assets.look_page import LookPage
from tests.assets.study_people import Observer, Organiser, later_by_photo, soft_shapes
from tests.benchmarks.service import running_service

SIZES = {"1440x900": (1440, 900), "1024x768": (1024, 768), "360x740": (360, 740)}
SCHEMES = ("light", "dark")
PHOTO = Path(__file__).parents[3] / "app" / "page" / "sample" / "photo.jpg"
TRIAL = "document.getElementById('blind-count').textContent.startsWith('Trial {}')"


class Photographer:
    """Goes through the pages in one size and scheme, and keeps a picture of each."""

    def __init__(self, page: LookPage, folder: Path, ending: str, *, whole: bool) -> None:
        self.page, self.folder, self.ending, self.whole = page, folder, ending, whole

    def keep(self, name: str) -> None:
        """The picture of what is there now."""
        path = self.folder / f"{name}-{self.ending}.png"
        self.page.browser.screenshot(path, whole=self.whole)

    def first_view(self) -> None:
        """Nothing chosen yet."""
        self.page.open()
        self.page.browser.until("document.querySelector('#proof img').naturalWidth > 0", 20)
        self.keep("first")

    def result(self) -> None:
        """One photo: working, done, another quality, compared in two ways, and the panels below."""
        page = self.page
        page.browser.choose_file("#file", PHOTO)
        page.browser.until("document.getElementById('jobs').childElementCount > 0", 20)
        self.keep("working")
        page.until_done(180)
        self.keep("done")
        page.set("quality", 40)
        page.browser.until("document.getElementById('quality-text').textContent.startsWith('This file')", 120)
        page.until_done(180)
        page.pick("mode", "side")
        page.set("against", "share")
        page.click("zoom-200")
        page.until_done(60)
        self.keep("compare")
        page.browser.evaluate("document.getElementById('wish').scrollIntoView()")
        self.keep("panels")
        page.browser.evaluate("window.scrollTo(0, 0)")

    def blind_test(self) -> None:
        """A verdict after twenty guesses."""
        page = self.page
        page.click("open-blind")
        page.click("blind-start")
        for number in range(1, 21):
            page.browser.until(TRIAL.format(number), 20)
            page.browser.press("a")
        page.browser.until("document.getElementById('blind-title').textContent !== ''", 20)
        self.keep("verdict")
        page.browser.press("Escape")

    def photos(self, folder: Path) -> None:
        """A list of three."""
        self.page.open()
        self.page.browser.choose_file("#file", PHOTO, landscape(folder), portrait(folder))
        self.page.until_done(240)
        self.keep("list")

    def study(self, organiser: Organiser, base: str) -> None:
        """The organiser's page, new and with a profile; the observer's first step."""
        browser = self.page.browser
        self.page.open("study")
        browser.until("document.getElementById('plan').checkVisibility()", 20)
        self.keep("study-new")
        browser.open("about:blank")
        browser.open(base + organiser.made["links"]["organiser_page"])
        browser.until("document.getElementById('study').checkVisibility()", 20)
        browser.evaluate("document.getElementById('fit').click()")
        browser.until("document.getElementById('profile').checkVisibility()", 120)
        self.keep("study")
        browser.evaluate("document.getElementById('profile-title').scrollIntoView()")
        self.keep("study-profile")
        browser.open(base + organiser.made["links"]["observer_page"])
        browser.until("document.getElementById('invitation').checkVisibility()", 20)
        self.keep("observer")

    def models(self) -> None:
        """The model cards, and an error for people."""
        self.page.open("models")
        self.keep("models")
        self.page.open("nowhere")
        self.keep("not-found")


def studied(client: httpx2.Client) -> Organiser:
    """A study of three photos with answers of seven."""
    made = Organiser(client, title="Chairs, spring")
    for seed, name in enumerate(("Chair (blue)", "Table", "Lamp")):
        made.add(soft_shapes(60 + seed, 640, 480), name=name)
    made.wait_until_ready()
    for shift in range(7):
        Observer(client, made.made["observer_token"]).take_part(later_by_photo(40 + 2 * shift, 3))
    return made


def main() -> None:
    """Take all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--whole", action="store_true", help="pages in their whole length")
    parser.add_argument("--size", choices=SIZES, action="append", help="only this one")
    parser.add_argument("--scheme", choices=SCHEMES, action="append", help="only this one")
    options = parser.parse_args()
    program = find_browser()
    assert program is not None, "no Chromium on the PATH"
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name, running_service(None) as client:
        base, folder = str(client.base_url).rstrip("/"), Path(name)
        organiser = studied(client)
        with Browser(program, folder / "profile") as browser:
            page = LookPage(browser, base)
            for size in options.size or SIZES:
                for scheme in options.scheme or SCHEMES:
                    browser.resize(*SIZES[size])
                    browser.prefer(color_scheme=scheme)
                    work = Photographer(page, options.folder, f"{size}-{scheme}", whole=options.whole)
                    work.first_view()
                    work.result()
                    work.blind_test()
                    work.photos(folder)
                    work.study(organiser, base)
                    work.models()


if __name__ == "__main__":
    main()
