"""The page of a service that asks for a key: it is asked for once, kept in the tab, and sent with everything."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.assets.browser import Browser
from tests.assets.look_page import LookPage
from tests.assets.service_process import ServiceProcess
from workers.keys.opened import opened_keys
from workers.keys.record import new_key
from workers.keys.scope import Scope
from workers.settings import BrokerSettings

pytestmark = pytest.mark.slow
KEY, TEXT = new_key("page", frozenset({Scope.SUBMIT, Scope.READ, Scope.STUDY}), 1.0)
DIALOG = "document.getElementById('key-dialog')"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    folder = tmp_path_factory.mktemp("key")
    with opened_keys(BrokerSettings(data_dir=folder / "data")) as keys:
        keys.put(KEY)
    with ServiceProcess(folder) as running:
        yield running


@pytest.fixture
def browser(chromium: str, tmp_path: Path) -> Iterator[Browser]:
    with Browser(chromium, tmp_path / "profile") as opened:
        yield opened


def give(browser: Browser, text: str) -> None:
    browser.until(f"{DIALOG}?.open === true", 10)
    browser.evaluate(f"{DIALOG}.querySelector('input').value = '{text}'")
    browser.evaluate(f"{DIALOG}.querySelector('button').click()")


def test_a_photo_is_made_smaller_after_a_wrong_and_a_right_key(service: ServiceProcess, browser: Browser) -> None:
    page = LookPage(browser, service.url)
    page.open("?sample")
    give(browser, "limen_wrong")
    browser.until(f"{DIALOG} === null", 10)
    give(browser, TEXT)
    page.until_done()
    assert page.figures("figures")["of viewers see no difference"] == "75 %"
    assert not browser.evaluate(f"{DIALOG} !== null")
    assert browser.evaluate("Object.keys(localStorage).length + document.cookie.length") == 0
    assert TEXT not in "".join(browser.requested)
    assert TEXT not in service.log("embedded")
    assert f'"key": "{KEY.id}"' in service.log("embedded")


def test_a_map_is_saved_with_the_key(service: ServiceProcess, browser: Browser) -> None:
    browser.before_load(f"sessionStorage.setItem('limen-key', '{TEXT}')")
    page = LookPage(browser, service.url)
    page.open("?sample")
    page.until_done()
    page.set("layer", "jnd")
    browser.until("document.querySelector('#map-files a') !== null", 30)
    browser.evaluate("URL.createObjectURL = (blob) => { window.saved = blob.type; return '#'; }")
    browser.evaluate("document.querySelector('#map-files a').click()")
    browser.until("window.saved === 'image/png'", 10)


def test_an_organiser_is_asked_and_an_observer_is_not(service: ServiceProcess, browser: Browser) -> None:
    study = {"title": "Spring", "consent_text": "Answers are stored under a random number."}
    made = service.client.post("/v1/studies", json=study, headers={"Authorization": f"Bearer {TEXT}"}).json()
    assert service.client.post("/v1/studies", json=study).status_code == 401
    browser.open(f"{service.url}{made['links']['observer_page']}")
    browser.until("document.body.textContent.includes('Answers are stored')", 10)
    assert browser.evaluate(f"{DIALOG} === null")
    browser.open(f"{service.url}/study")
    browser.until("!document.getElementById('plan').hidden", 10)
    browser.evaluate("document.getElementById('title').value = document.getElementById('consent').value = 'Spring'")
    browser.evaluate("document.getElementById('plan').requestSubmit()")
    give(browser, TEXT)
    browser.until("document.getElementById('observer-link').value !== ''", 20)
