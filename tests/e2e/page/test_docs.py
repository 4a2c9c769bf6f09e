"""The API page at ``/docs``: "Execute" answers for every operation, with what the page itself fills in."""

import json
from pathlib import Path

import pytest

from tests.assets.browser import Browser, find_browser
from tests.e2e.test_openapi_examples import TOUR, Tour, tour  # noqa: F401 - a fixture

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_browser() is None, reason="needs a Chromium"),
]
PATH_VALUES = {
    "job_id": "ID",
    "organiser_key": "KEY",
    "token": "TOKEN",
    "session_id": "SESSION",
    "batch_id": "BATCH",
}
FIXED = {"photo": "1", "name": "overlay.png", "number": "0", "level": "42"}


class Page:
    """Swagger UI, one operation at a time."""

    def __init__(self, browser: Browser, tour: Tour) -> None:  # noqa: F811
        self.browser = browser
        self.tour = tour

    def execute(self, name: str) -> dict[str, object]:
        """Unfold an operation, fill in which job or study is meant and the files, execute; the JSON of the reply."""
        tag = self.tour.operations[name][2]["tags"][0].replace(" ", "_")
        block = f"[id='operations-{tag}-{name}']"
        self.browser.evaluate(f'document.querySelector("{block} .opblock-summary-control").click()')
        self.browser.until(f'document.querySelector("{block} .execute") !== null', 30)
        # The description comes with the rest once Swagger UI has resolved the operation; until then nothing runs.
        description = f'document.querySelector("{block} .opblock-description")?.textContent ?? ""'
        self.browser.until(f"({description}).includes('curl')", 30)
        for parameter in self.tour.operations[name][2].get("parameters", []):
            if parameter["in"] == "path":
                self._fill(f"{block} tr[data-param-name='{parameter['name']}'] input", self._value(parameter["name"]))
        photo = self.tour.folder / ("photo.vjpg" if name == "decode_varjpeg" else "photo.png")
        for field in self._required_files(name):
            self.browser.choose_file(f"{block} [data-property-name='{field}'] input[type=file]", photo)
        self.browser.evaluate(f'document.querySelector("{block} .execute").click()')
        cell = f'document.querySelector("{block} .live-responses-table .response .response-col_status")?.textContent'
        self.browser.until(f"/^[2-5]\\d\\d/.test({cell} ?? '')", 60)
        status = self.browser.evaluate(cell)
        shown = self.browser.evaluate(f'document.querySelector("{block} .live-responses-table .response").innerText')
        assert status[0] == "2", f"{name}: {shown}"
        body = self.browser.evaluate(
            f'document.querySelector("{block} .live-responses-table .response .highlight-code code")?.textContent ?? ""'
        )
        self.browser.evaluate(f'document.querySelector("{block} .opblock-summary-control").click()')
        return dict(json.loads(body)) if body.startswith("{") else {}

    def _value(self, parameter: str) -> str:
        return self.tour.names[PATH_VALUES[parameter]] if parameter in PATH_VALUES else FIXED[parameter]

    def _required_files(self, name: str) -> list[str]:
        form = self.tour.operations[name][2].get("requestBody", {}).get("content", {}).get("multipart/form-data")
        return form["schema"]["required"] if form else []

    def _fill(self, selector: str, value: str) -> None:
        """Type into a field that React watches."""
        self.browser.evaluate(
            f'{{const field = document.querySelector("{selector}");'
            "Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(field,"
            f"{json.dumps(value)}); field.dispatchEvent(new Event('input', {{bubbles: true}}));"
            "field.dispatchEvent(new Event('focusout', {bubbles: true}));}"
        )


def test_every_operation_can_be_tried(tour: Tour, tmp_path: Path) -> None:  # noqa: F811
    program = find_browser()
    assert program is not None
    with Browser(program, tmp_path / "profile") as browser:
        browser.open(f"{str(tour.client.base_url).rstrip('/')}/docs")
        browser.until("document.querySelectorAll('.opblock').length >= 25", 60)
        page = Page(browser, tour)
        for name in TOUR:
            if name == "read_job":
                tour.names["ID"] = tour.finished_job()
            if name == "begin_session":
                tour.until_ready()
            if name == "read_study_profile":
                tour.ask_more_observers()
            if name == "cancel_job":
                tour.names["ID"] = tour.long_job()
            if name == "create_batch":  # Swagger UI sends a list of files as text
                tour.curl(name)
                (tour.names["BATCH"],) = tour.answer(name, "id")
                continue
            body = page.execute(name)
            if name == "create_study":
                tour.names |= {"KEY": str(body["organiser_key"]), "TOKEN": str(body["observer_token"])}
            if name == "begin_session":
                tour.names["SESSION"] = str(body["session"])
            if name == "answer_trial":
                tour.finish_session()
        assert browser.complaints == []
