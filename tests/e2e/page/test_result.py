"""The result comes first, stays in view, and is compared in every way; in both modes, with canned models."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.assets.browser import Browser
from tests.assets.drawn_photos import landscape
from tests.assets.look_page import LookPage
from tests.assets.service_process import ServiceProcess

pytestmark = pytest.mark.slow
SAME_PROMISE = "[...document.querySelectorAll('#figures .plain dt')].map((each) => each.textContent).join()"
QUALITY = (
    "{{ const slider = document.getElementById('quality'); slider.value = {};"
    " slider.dispatchEvent(new Event('input')); }}"
)
"""Move the quality slider, as a drag does."""
WATCH = (
    "window.sent = []; const plainly = window.fetch; window.fetch = (path, options) => {"
    " if (path === '/v1/varjpeg') window.sent.push([...options.body].filter(([, value]) => typeof value === 'string'));"
    " return plainly(path, options); };"
)
"""Keeps the text fields of each request for a JPEG."""
SHOWN = (
    "[...document.querySelectorAll('.tag')].filter((each) => each.checkVisibility()).map((each) => each.textContent)"
)


@pytest.fixture(scope="module")
def service(redis_url: str | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with ServiceProcess(tmp_path_factory.mktemp("result"), redis_url=redis_url) as running:
        yield running


@pytest.fixture(scope="module")
def page(chromium: str, service: ServiceProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LookPage]:
    with Browser(chromium, tmp_path_factory.mktemp("result-profile") / "profile") as browser:
        browser.before_load(WATCH)
        yield LookPage(browser, service.url)


@pytest.fixture
def ready(page: LookPage, tmp_path: Path) -> LookPage:
    page.browser.resize(1440, 900)
    page.open()
    page.choose(landscape(tmp_path))
    return page


def test_the_jpeg_is_made_first_and_alone(ready: LookPage) -> None:
    paths = [urlsplit(url).path for url in ready.browser.requested]
    work = [path for path in paths if path.startswith("/v1/") and path.count("/") == 2 and path != "/v1/models"]
    assert work[0] == "/v1/varjpeg"
    assert set(work[1:]) == {"/v1/sur-curve", "/v1/full-reference-score", "/v1/quality-score"}
    file = next(at for at, path in enumerate(paths) if path.endswith("/photo.jpg") and "/artefacts/" in path)
    assert file < paths.index("/v1/sur-curve")


@pytest.mark.parametrize("size", [(1440, 900), (1024, 768), (360, 740)])
def test_saving_promise_and_download_need_no_scrolling(ready: LookPage, size: tuple[int, int]) -> None:
    ready.browser.resize(*size)
    assert len(ready.figures("figures")) == 4
    assert ready.in_view("#figures dd", "#figures dt", "#download", "#mode", "#result") == []
    ready.browser.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    assert ready.in_view("#figures dd", "#download") == []
    assert ready.overflow() <= 0


def test_the_rival_is_named_with_its_size(ready: LookPage) -> None:
    assert ready.browser.evaluate(SAME_PROMISE).startswith("against a plain JPEG that promises as much, about ")


def test_the_file_is_dragged_out_under_its_name(ready: LookPage) -> None:
    dragged = ready.browser.evaluate(
        "(() => { const data = new DataTransfer(); document.getElementById('download')"
        ".dispatchEvent(new DragEvent('dragstart', {dataTransfer: data})); return data.getData('DownloadURL'); })()"
    )
    assert dragged.startswith("image/jpeg:landscape-limen.jpg:blob:")


def test_each_way_to_look_shows_something_else(ready: LookPage) -> None:
    seen = {}
    for mode, tags in (
        ("wipe", ["photo", "JPEG"]),
        ("side", ["photo", "JPEG"]),
        ("after", ["JPEG"]),
        ("before", ["photo"]),
        ("difference", []),
    ):
        ready.pick("mode", mode)
        ready.until_done()
        assert ready.browser.evaluate(SHOWN) == tags
        seen[mode] = ready.pixels("result")
    assert len(set(seen.values())) == 5
    ready.assert_clean()


def test_another_quality_is_foretold_at_once_and_its_file_follows(ready: LookPage) -> None:
    ready.browser.evaluate(QUALITY.format(40))
    foretold = ready.text("quality-text")
    assert re.fullmatch(r"About [\d.]+ kB, and about \d+ % see no difference\. The file follows\.", foretold)
    assert ready.text("quality-value") == "40"
    asked = ready.browser.requested.count(f"{ready.url}/v1/varjpeg")
    before = ready.browser.evaluate("document.getElementById('download').href")
    ready.browser.evaluate(QUALITY.format(30))
    ready.browser.until("document.getElementById('quality-text').textContent.startsWith('This file is exact.')", 30)
    ready.until_done()
    assert ready.browser.requested.count(f"{ready.url}/v1/varjpeg") == asked + 1, "only where the slider rested"
    assert newest_request(ready)["quality"] == "30"
    assert ready.browser.evaluate("document.getElementById('download').href") != before
    ready.click("promised")
    ready.until_done()
    assert ready.browser.evaluate("document.getElementById('download').href") == before
    assert ready.text("quality-text") == "This is the file that keeps the promise."
    assert ready.text("promised") == ""
    ready.assert_clean()


def test_what_is_foretold_meets_the_file_and_rises_with_quality(ready: LookPage) -> None:
    at = ready.browser.evaluate(
        "import('/page/js/aim/quality.js').then(({foretold}) => {"
        " const sur = Array.from({length: 100}, (_, at) => Math.max(0, 1 - at / 50));"
        " const predicted_bytes = Array.from({length: 100}, (_, at) => 10000 - 90 * at);"
        " const promised = {result: {sur: 0.5, quality: 70}, blob: {size: 3000}};"
        " return [1, 60, 70, 80, 100].map((quality) => foretold({sur, predicted_bytes}, promised, quality)); })"
    )
    assert at[2] == {"size": 3000, "share": pytest.approx(0.5, abs=0.02)}
    assert [each["size"] for each in at] == sorted(each["size"] for each in at)
    assert [each["share"] for each in at] == sorted(each["share"] for each in at)


def newest_request(page: LookPage) -> dict[str, str]:
    """The fields of the newest request for a JPEG."""
    return dict(page.browser.evaluate("window.sent.at(-1)"))


def test_a_plain_jpeg_of_equal_share_takes_the_photos_place(ready: LookPage) -> None:
    ready.set("against", "share")
    ready.browser.until("document.getElementById('tag-before').textContent.startsWith('plain JPEG of quality ')", 30)
    quality = int(ready.text("tag-before").split(",")[0].rpartition(" ")[2])
    assert f"needs quality {quality}, about " in ready.text("curve-caption")
    assert re.search(r"By the curve \d+ % see no difference of it, of Limen's JPEG 75 %", ready.text("rival-text"))
    ready.set("against", "photo")
    assert ready.text("rival-text") == ""
    ready.assert_clean()


@pytest.mark.parametrize(
    ("kind", "name"), [("jpeg", "plain JPEG"), ("jpegli", "jpegli"), ("webp", "WebP"), ("avif", "AVIF")]
)
def test_another_file_of_equal_bytes_takes_the_photos_place(ready: LookPage, kind: str, name: str) -> None:
    photo = ready.pixels("result")
    ready.set("against", kind)
    ready.browser.until(f"document.getElementById('tag-before').textContent.startsWith('{name} of quality ')", 30)
    assert ready.pixels("result") != photo
    size = float(ready.text("tag-before").rpartition(", ")[2].removesuffix(" kB"))
    ours = float(ready.figures("figures")["this JPEG"].removesuffix(" kB"))
    assert 0.8 * ours < size <= ours
    ready.set("against", "photo")
    assert ready.text("tag-before") == "photo"
    assert ready.pixels("result") == photo
    ready.assert_clean()


def test_a_target_says_about_how_large_the_file_gets(ready: LookPage) -> None:
    said = "document.getElementById('target-size').textContent"
    ours = ready.figures("figures")["this JPEG"]
    assert ready.browser.evaluate(said) == f"For 75 % the JPEG has about {ours}."
    ready.browser.evaluate(
        "{ const target = document.getElementById('target'); target.value = 90;"
        " target.dispatchEvent(new Event('input')); }"
    )
    assert ready.browser.evaluate(said).startswith("For 90 % the JPEG has about ")
    assert ready.browser.evaluate(said) != f"For 90 % the JPEG has about {ours}."


def test_the_photo_is_seen_while_a_button_or_key_is_held(ready: LookPage) -> None:
    ready.pick("mode", "after")
    jpeg = ready.pixels("result")
    ready.browser.evaluate("document.getElementById('hold').dispatchEvent(new Event('pointerdown'))")
    photo = ready.pixels("result")
    ready.browser.evaluate("document.getElementById('hold').dispatchEvent(new Event('pointerup'))")
    assert ready.pixels("result") == jpeg != photo
    for kind, expected in (("keydown", photo), ("keyup", jpeg)):
        ready.browser.evaluate(f"document.body.dispatchEvent(new KeyboardEvent('{kind}', {{key: 'o', bubbles: true}}))")
        assert ready.pixels("result") == expected


def test_keys_work_everywhere_but_in_fields(ready: LookPage) -> None:
    ready.focus_by_tab("target")
    for key, mode in (("d", "difference"), ("s", "side"), ("j", "after"), ("p", "before"), ("w", "wipe")):
        ready.browser.press(key)
        assert ready.browser.evaluate("document.querySelector('[name=mode]:checked').value") == mode
    ready.until_done()
    for key, zoom in (("4", "400 %"), ("2", "200 %"), ("1", "100 %"), ("+", "125 %")):
        ready.browser.press(key)
        assert ready.text("zoom") == zoom
    ready.browser.press("0")
    ready.browser.evaluate("document.getElementById('layer').focus()")
    ready.browser.press("d")
    assert ready.browser.evaluate("document.querySelector('[name=mode]:checked').value") == "wipe"
    ready.browser.evaluate("document.activeElement.blur()")
    ready.browser.press("f")
    box = "(() => { const {left, top, width} = document.getElementById('viewer').getBoundingClientRect();"
    ready.browser.until(f"{box} return left === 0 && top === 0 && width >= window.innerWidth - 20; }})()", 5)
    ready.browser.press("Escape")
    ready.browser.until("!document.getElementById('viewer').classList.contains('whole')", 5)
    ready.assert_clean()


def test_a_share_is_explained_by_twenty_people(ready: LookPage) -> None:
    assert "of 20 people who compare closely at a desk, about 15 see no difference" in ready.text("crowd-text")
    assert ready.browser.evaluate("document.querySelectorAll('#crowd .content').length") == 15
    ready.set("observer", "mcl-jci")
    ready.set("viewing", "phone")
    ready.set("target", 90)
    assert "20 people who look at a television across the room, on another screen (phone" in ready.text("crowd-text")
    assert ready.browser.evaluate("document.querySelectorAll('#crowd .content').length") == 18
    ready.until_done()
    assert "120 pixels to a degree" in ready.text("promise")
    titles = ready.browser.evaluate("[...document.getElementById('observer').options].map((each) => each.text)")
    assert "Someone comparing closely at a desk" in titles
    assert "Television across the room" in titles
    ready.assert_clean()


def test_what_is_no_photo_is_told_so(ready: LookPage) -> None:
    ready.browser.evaluate(
        "import('/page/js/aim/aim.js').then(({showDrawing}) =>"
        " showDrawing({original_format_better: true}, {name: 'logo.png'}))"
    )
    assert "best keep logo.png as it is" in ready.text("drawing")


def test_every_measure_says_what_it_means(ready: LookPage) -> None:
    meanings = ready.browser.evaluate(
        "[...document.querySelectorAll('#scores > div')].map((each) => each.querySelectorAll('dd')[1].textContent)"
    )
    assert len(meanings) >= 8
    assert all(len(meaning) > 15 for meaning in meanings)
    scores = ready.figures("scores")
    assert (scores["SSIMULACRA2"], scores["Butteraugli"]) == ("88.5", "0.75")


def test_a_stroke_is_undone_and_protection_says_what_it_costs(ready: LookPage) -> None:
    ready.click("protect")
    bare = ready.pixels("result")
    assert ready.browser.evaluate("document.getElementById('brush-undo').disabled")
    ready.browser.drag("#result", (0.4, 0.4), (0.5, 0.5))
    once = ready.pixels("result")
    ready.click("rect-add")
    assert len({bare, once, ready.pixels("result")}) == 3
    ready.click("brush-undo")
    assert ready.pixels("result") == once
    ready.browser.press("z", ctrl=True)
    assert ready.pixels("result") == bare
    ready.click("rect-add")
    ready.click("protect-encode")
    ready.browser.until("document.getElementById('protect-state').textContent.includes('It costs')", 30)
    ready.until_done()
    assert ready.figures("figures")["against a plain JPEG: not known"] == "?"  # it protects nothing
    ready.assert_clean()
