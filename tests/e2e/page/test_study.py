"""The pages of an observer study in a real browser, by keyboard alone: organiser, and observer in both methods;
in both modes."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.assets.axe import AXE, GRAVE
from tests.assets.browser import Browser
from tests.assets.service_process import ServiceProcess
from tests.assets.study_people import Observer, Organiser, later_by_photo, soft_shapes

pytestmark = pytest.mark.slow

SEEN = 1.5
"""Mean difference, in 8-bit levels, that the scripted observer notices."""
FLICKER_EYE = """(async () => {
  const canvas = document.querySelector('#stage canvas');
  const looks = new Map();
  for (let look = 0; look < 14; look += 1) {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let sum = 7;
    for (const byte of data) sum = (sum * 31 + byte) % 4294967291;
    looks.set(sum, data);
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
  const [one, other] = [...looks.values()];
  if (other === undefined) return 0;
  return one.reduce((sum, byte, place) => sum + Math.abs(byte - other[place]), 0) / one.length;
})()"""
PAIR_EYE = """(() => {
  const [one, other] = [...document.querySelectorAll('#stage canvas')].map((canvas) =>
    canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data);
  return one.reduce((sum, byte, place) => sum + Math.abs(byte - other[place]), 0) / one.length;
})()"""
FOCUS = "document.activeElement.id"
SHOWN = "`${document.getElementById('place').textContent} ${document.getElementById('stage').dataset.level}`"
SLIDER_READY = f"document.querySelector('#stage canvas')?.dataset.level !== undefined && {FOCUS} === 'level'"
PAIR_READY = "document.getElementById('different').getAttribute('aria-disabled') === 'false'"
CARD = """(() => {
  const shape = document.getElementById('card-shape'), box = shape.getBoundingClientRect();
  return shape.classList.contains('upright') ? box.height : box.width;
})()"""
TOO_SMALL = """[...document.querySelectorAll('button, select, input:not([type=checkbox], [type=radio]), label.option')]
  .filter((each) => each.checkVisibility() && each.getBoundingClientRect().height < 44).map((each) => each.outerHTML)"""
"""Controls that a finger would miss."""
OVERFLOW = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def service(redis_url: str | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with ServiceProcess(tmp_path_factory.mktemp("study-page"), redis_url=redis_url) as running:
        yield running


@pytest.fixture
def browser(chromium: str, tmp_path: Path, service: ServiceProcess) -> Iterator[Browser]:
    with Browser(chromium, tmp_path / "profile", width=1440, height=900) as opened:
        yield opened
        assert opened.complaints == []
        assert all(address.startswith((service.url, "blob:", "data:", "about:")) for address in opened.requested)


def visible(element_id: str) -> str:
    return f"document.getElementById('{element_id}').checkVisibility()"


def text(browser: Browser, element_id: str) -> str:
    found: str = browser.evaluate(f"document.getElementById('{element_id}').textContent")
    return found


def tab_to(browser: Browser, element_id: str) -> None:
    """Move the focus by the Tab key, as often as it takes, once the page lets the element be used."""
    browser.until(f"!document.getElementById('{element_id}').disabled", 20)
    for _ in range(40):
        if browser.evaluate(FOCUS) == element_id:
            return
        browser.press("Tab")
    raise AssertionError(f"{element_id} is not reached by Tab; the focus is on {browser.evaluate(FOCUS)!r}")


def type_in(browser: Browser, words: str) -> None:
    for letter in words:
        browser.press(letter)


def prepared(service: ServiceProcess, method: str) -> Organiser:
    made = Organiser(service.client, method=method, viewing_condition="A dim room.")
    made.add(soft_shapes(31, 320, 240))
    made.wait_until_ready()
    return made


def agree(
    browser: Browser, service: ServiceProcess, made: Organiser, look: Callable[[str], None] = lambda _: None
) -> None:
    """From the link to the first trial, by keyboard alone."""
    browser.open(service.url + made.made["links"]["observer_page"])
    browser.until(visible("invitation"), 20)
    tab_to(browser, "consent")
    browser.press(" ")
    browser.press("Enter")
    browser.until(visible("screen"), 10)
    assert browser.evaluate(FOCUS) == "screen-title"
    look("screen")
    tab_to(browser, "card-width")
    before = browser.evaluate(CARD)
    browser.press("ArrowRight")
    assert browser.evaluate(CARD) == pytest.approx(before + 1, abs=0.01)
    tab_to(browser, "distance")
    browser.press("Enter")
    browser.until(visible("trial"), 20)


def adjust(browser: Browser, key: str, level: int) -> None:
    """Press a key on the slider and wait for the level that it leads to."""
    browser.press(key)
    assert browser.evaluate("Number(document.getElementById('level').value)") == level
    browser.until(f"document.querySelector('#stage canvas').dataset.level === '{level}'", 20)


def answer_by_slider(browser: Browser) -> None:
    assert browser.evaluate("document.getElementById('here').disabled && document.getElementById('nowhere').disabled")
    adjust(browser, "End", 100)
    if browser.evaluate(FLICKER_EYE) < SEEN:
        tab_to(browser, "nowhere")
    else:
        adjust(browser, "Home", 1)
        if browser.evaluate(FLICKER_EYE) < SEEN:
            for level in (2, 3):
                adjust(browser, "ArrowRight", level)
        tab_to(browser, "here")
    browser.press("Enter")


def answer_by_pair(browser: Browser) -> None:
    """One comparison of a bisection."""
    tab_to(browser, "different" if browser.evaluate(PAIR_EYE) >= SEEN else "same")
    browser.press("Enter")


def answer_everything(browser: Browser, method: str) -> None:
    slider = method != "bisection"
    for _ in range(60):
        browser.until(f"{visible('thanks')} || ({SLIDER_READY if slider else PAIR_READY})", 30)
        if browser.evaluate(visible("thanks")):
            return
        before = browser.evaluate(SHOWN)
        (answer_by_slider if slider else answer_by_pair)(browser)
        browser.until(f"{visible('thanks')} || {SHOWN} !== '{before}'", 20)
    raise AssertionError("the study has no end")


@pytest.mark.parametrize("width", [1440, 360])
@pytest.mark.parametrize("method", ["adjustment-with-flicker", "bisection"])
def test_an_observer_takes_part_by_keyboard_alone(
    service: ServiceProcess, browser: Browser, method: str, width: int
) -> None:
    made = prepared(service, method)
    browser.resize(width, 800)
    agree(browser, service, made)
    assert not browser.evaluate(OVERFLOW)
    assert browser.evaluate(visible("practice"))
    answer_everything(browser, method)
    assert browser.evaluate(FOCUS) == "thanks-title"
    assert not browser.evaluate(OVERFLOW)
    kept = service.client.get(f"{made.path}/samples").text.splitlines()
    assert len(kept) == 2, "one photo, one observer who passed the checks"
    columns = dict(zip(kept[0].split(","), kept[1].split(","), strict=True))
    assert columns["observer"] == text(browser, "observer")
    assert columns["noticed"] == "1"
    assert 5 < float(columns["pixels_per_degree"]) < 400
    assert columns["viewing_distance_mm"] == "600"


def test_a_session_is_taken_up_after_a_reload(service: ServiceProcess, browser: Browser) -> None:
    made = prepared(service, "adjustment-with-flicker")
    agree(browser, service, made)
    browser.until(SLIDER_READY, 30)
    answer_by_slider(browser)
    browser.until("document.getElementById('place').textContent === '2 of 4'", 20)
    browser.open("about:blank")
    browser.open(service.url + made.made["links"]["observer_page"])
    browser.until("document.getElementById('place').textContent === '2 of 4'", 20)
    assert not browser.evaluate(visible("practice"))


def test_the_flicker_goes_on_however_far_the_slider_is_moved(service: ServiceProcess, browser: Browser) -> None:
    made = prepared(service, "adjustment-with-flicker")
    agree(browser, service, made)
    browser.until(SLIDER_READY, 30)
    adjust(browser, "Home", 1)
    for level in range(2, 26):
        adjust(browser, "ArrowRight", level)
    adjust(browser, "End", 100)
    assert browser.evaluate(FLICKER_EYE) >= SEEN, "practice shows a photo that gets worse"


@pytest.mark.parametrize("lowest", [1, 100])
def test_an_answer_is_open_where_the_slider_starts_at_its_end(
    service: ServiceProcess, browser: Browser, lowest: int
) -> None:
    made = prepared(service, "adjustment-with-flicker")
    browser.before_load(
        "const json = Response.prototype.json; Response.prototype.json = async function () {"
        "  const made = await json.call(this);"
        f"  if (made.trial) Object.assign(made.trial, {{ lowest_level: {lowest}, start_level: 100 }});"
        "  return made; };"
    )
    agree(browser, service, made)
    browser.until(SLIDER_READY, 30)
    if lowest == 100:
        tab_to(browser, "here")
    else:
        assert browser.evaluate("document.getElementById('here').disabled"), "where the slider starts is chance"
    tab_to(browser, "nowhere")
    browser.press("Enter")
    browser.until("document.getElementById('place').textContent === '2 of 4'", 20)


def test_the_level_under_the_slider_is_shown_though_another_loads_later(
    service: ServiceProcess, browser: Browser
) -> None:
    made = prepared(service, "adjustment-with-flicker")
    browser.before_load(
        "const ask = window.fetch; window.late = true; window.fetch = async (...given) => {"
        "  const reply = await ask(...given);"
        "  const level = String(given[0]).split('/levels/')[1];"
        "  while (window.late && level !== undefined && level !== '100') await new Promise((go) => setTimeout(go, 50));"
        "  return reply; };"
    )
    agree(browser, service, made)
    browser.until(f"{FOCUS} === 'level'", 30)
    browser.press("Home")
    browser.press("End")
    browser.evaluate("new Promise((resolve) => setTimeout(resolve, 300))")
    assert browser.evaluate("document.getElementById('here').disabled"), "nothing to compare with is there yet"
    browser.evaluate("window.late = false")
    browser.until("document.querySelector('#stage canvas').dataset.level === '100'", 20)
    browser.evaluate("new Promise((resolve) => setTimeout(resolve, 300))")
    assert browser.evaluate("document.querySelector('#stage canvas').dataset.level") == "100"
    assert browser.evaluate(FLICKER_EYE) >= SEEN


def test_the_flicker_changes_eight_times_a_second_and_can_be_paused(service: ServiceProcess, browser: Browser) -> None:
    made = prepared(service, "adjustment-with-flicker")
    browser.before_load(
        "window.turns = [];"
        "const draw = CanvasRenderingContext2D.prototype.drawImage;"
        "CanvasRenderingContext2D.prototype.drawImage = function (...given) {"
        "  window.turns.push(performance.now()); return draw.apply(this, given); };"
    )
    agree(browser, service, made)
    browser.until("document.querySelector('#stage canvas')?.dataset.level !== undefined", 30)
    browser.until("window.turns.length >= 26", 20)
    mean_ms = browser.evaluate("(window.turns.at(-1) - window.turns.at(-25)) / 24")
    assert mean_ms == pytest.approx(125, rel=0.15)
    tab_to(browser, "pause")
    browser.press("Enter")
    assert browser.evaluate("document.getElementById('pause').getAttribute('aria-pressed')") == "true"
    browser.evaluate("new Promise((resolve) => setTimeout(resolve, 300))")
    turns = browser.evaluate("window.turns.length")
    browser.evaluate("new Promise((resolve) => setTimeout(resolve, 500))")
    assert browser.evaluate("window.turns.length") == turns


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 360])
def test_axe_finds_nothing_serious_on_any_step(
    service: ServiceProcess, browser: Browser, width: int, scheme: str
) -> None:
    made = {method: prepared(service, method) for method in ("adjustment-with-flicker", "bisection")}
    browser.resize(width, 800)
    browser.prefer(color_scheme=scheme)
    findings = {}

    def look(step: str) -> None:
        browser.evaluate(AXE)
        findings[step] = browser.evaluate(GRAVE)

    browser.open(f"{service.url}/study")
    browser.until(visible("plan"), 20)
    look("plan")
    browser.open(service.url + made["bisection"].made["links"]["organiser_page"])
    browser.until(visible("study"), 20)
    look("study")
    browser.evaluate("document.getElementById('sure').showModal()")
    look("sure")
    for method, organiser in made.items():
        browser.open(service.url + organiser.made["links"]["observer_page"])
        browser.until(visible("invitation"), 20)
        look(f"invitation, {method}")
        agree(browser, service, organiser, look)
        browser.until(SLIDER_READY if method != "bisection" else PAIR_READY, 30)
        look(f"trial, {method}")
    assert {step: found for step, found in findings.items() if found} == {}


@pytest.mark.parametrize("method", ["adjustment-with-flicker", "bisection"])
def test_a_phone_shows_the_question_and_all_answers_at_once(
    service: ServiceProcess, browser: Browser, method: str
) -> None:
    made = prepared(service, method)
    browser.resize(360, 740, touch=True)
    small = {}

    def look(step: str) -> None:
        small[step] = browser.evaluate(TOO_SMALL)

    browser.open(service.url + made.made["links"]["observer_page"])
    browser.until(visible("invitation"), 20)
    look("invitation")
    agree(browser, service, made, look)
    slider = method != "bisection"
    browser.until(SLIDER_READY if slider else PAIR_READY, 30)
    look("trial")
    assert {step: found for step, found in small.items() if found} == {}
    assert browser.evaluate("window.scrollY") == 0
    for control in ("question", "stage", *(("level", "here", "nowhere", "pause") if slider else ("different", "same"))):
        box = f"document.getElementById('{control}').getBoundingClientRect()"
        assert browser.evaluate(f"{box}.top >= 0 && {box}.bottom <= window.innerHeight"), control


def test_a_wrong_link_says_so(service: ServiceProcess, browser: Browser) -> None:
    browser.open(f"{service.url}/study/{'A' * 43}")
    browser.until(visible("problem"), 20)
    assert "No such study" in text(browser, "problem")
    assert not browser.evaluate(visible("invitation"))
    browser.complaints[:] = [each for each in browser.complaints if "404" not in each]


@pytest.mark.parametrize("width", [1440, 360])
def test_an_organiser_makes_a_study_and_ends_it(
    service: ServiceProcess, browser: Browser, tmp_path: Path, width: int
) -> None:
    browser.resize(width, 800)
    browser.open(f"{service.url}/study")
    browser.until(visible("plan"), 20)
    assert not browser.evaluate(OVERFLOW)
    tab_to(browser, "title")
    type_in(browser, "Chairs")
    browser.press("Enter")
    browser.until(visible("study"), 20)
    assert text(browser, "study-title") == "Chairs"
    for number in (41, 42):
        path = tmp_path / f"chair {number}.png"
        path.write_bytes(soft_shapes(number))
        browser.choose_file("#files", path)
        browser.until(f"document.getElementById('photos').textContent.includes('chair {number}')", 30)
    browser.until("document.getElementById('photos').textContent.match(/160 x 120ready/g)?.length === 2", 60)
    assert not browser.evaluate(OVERFLOW)
    browser.until("document.querySelectorAll('.thumb img').length === 2", 20)
    browser.evaluate("document.querySelector('.thumb img').scrollIntoView()")
    browser.until("document.querySelector('.thumb img').naturalWidth === 160", 20)
    link = browser.evaluate("document.getElementById('observer-link').value")
    assert link in browser.evaluate("document.getElementById('invitation').value")
    assert link.rsplit("/", 1)[1] in browser.evaluate("document.getElementById('mail').href")
    own = browser.evaluate("document.getElementById('organiser-link').value")
    assert service.client.get(link).status_code == 200
    browser.open("about:blank")
    browser.open(own)
    browser.until(visible("study"), 20)
    tab_to(browser, "end")
    browser.press("Enter")
    browser.until("document.getElementById('sure').open", 10)
    browser.press("Tab")
    browser.press("Enter")
    browser.until(visible("plan"), 20)
    token = link.rsplit("/", 1)[1]
    assert service.client.get(f"/v1/observe/{token}").json()["type"] == "/problems/study-expired"


@pytest.mark.parametrize("width", [1440, 360])
def test_an_organiser_sees_the_profile_that_fits_the_answers(
    service: ServiceProcess, browser: Browser, width: int
) -> None:
    made = prepared(service, "adjustment-with-flicker")
    browser.resize(width, 800)
    browser.open("about:blank")
    browser.open(f"{service.url}{made.made['links']['organiser_page']}")
    browser.until(visible("study"), 20)
    tab_to(browser, "fit")
    browser.press("Enter")
    browser.until(visible("problem"), 20)
    assert "a profile needs 10" in text(browser, "problem")
    browser.complaints[:] = [each for each in browser.complaints if "409" not in each]
    photos = len(made.status()["photos"])
    for seed in range(12 // photos + 1):
        Observer(service.client, made.made["observer_token"]).take_part(later_by_photo(45 + seed, 4))
    browser.press("Enter")
    browser.until(visible("profile"), 60)
    assert not browser.evaluate(OVERFLOW)
    assert "95 % interval" in text(browser, "profile-text")
    assert "observers: shares of viewers are known roughly only" in text(browser, "profile-warnings")
    assert browser.evaluate("document.getElementById('profile-file').download") == "team.json"
    assert browser.evaluate(TOO_SMALL) == []
