"""Every operation's example, run against the program as a reader would: its curl line, and its body from the docs page.

``LIMEN_RENEW=1`` keeps what the service really answers as the examples of replies; run ``test_openapi.py`` with it too.
"""

import json
import os
import re
import shlex
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from PIL import Image

from tests.assets.draw_sample import draw_sample
from tests.e2e.cli.test_serve import service

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
KEPT = ROOT / "app" / "openapi_examples.json"
METHODS = ("get", "post", "delete")
# Operations in an order in which each finds what it needs; the last two end what the others look at.
TOUR = (
    "live", "ready", "metrics", "read_models", "read_dead_webhooks",
    "create_patch_quality_map", "create_quality_score", "create_full_reference_score", "create_sur_curve",
    "create_plain_encoding", "create_varjpeg", "decode_varjpeg", "create_jnd_map",
    "read_job", "read_result", "follow_job", "read_artefact",
    "create_batch", "read_batch", "read_batch_results", "cancel_batch",
    "create_study", "add_study_photo", "read_study", "read_invitation", "begin_session", "read_session",
    "read_trial_image", "answer_trial", "export_samples", "export_dataset", "read_study_photo", "read_study_profile",
    "cancel_job", "delete_study",
)  # fmt: skip


class Tour:
    """A reader at a terminal: the files that the examples name, and the ids that earlier answers gave."""

    def __init__(self, client: httpx2.Client, folder: Path) -> None:
        self.client = client
        self.folder = folder
        self.document = client.get("/openapi.json").json()
        self.operations = {
            operation["operationId"]: (method, path, operation)
            for path, item in self.document["paths"].items()
            for method, operation in item.items()
            if method in METHODS
        }
        self.names: dict[str, str] = {}
        self.answers: dict[str, dict[str, Any]] = {}

    def curl(self, name: str) -> str:
        """Run the curl line of an operation and return what it printed; -i is added to see the status."""
        line = re.search(r"`(curl [^`]*)`", self.operations[name][2]["description"])
        assert line, name
        words = shlex.split(
            " ".join(line[1].split()).replace("localhost:8000", str(self.client.base_url)[7:].rstrip("/"))
        )
        for placeholder, value in self.names.items():
            words = [re.sub(rf"(?<=/){placeholder}(?=/|$)", value, word) for word in words]
        done = subprocess.run(
            [*(word for word in words if word != "-f"), "-sS", "--fail-with-body", "-w", "\n%{http_code}"],
            cwd=self.folder, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
        text, _, status = done.stdout.rpartition("\n")
        if text.startswith("{"):
            self.answers.setdefault(name, {})[status] = json.loads(text)
        return text

    def _keep(self, name: str, reply: httpx2.Response) -> None:
        self.answers.setdefault(name, {}).setdefault(str(reply.status_code), reply.json())

    def post_example(self, name: str) -> None:
        """Send the body that the docs page fills in, with files where it has file fields."""
        method, path, operation = self.operations[name]
        for media_type, body in operation.get("requestBody", {}).get("content", {}).items():
            address = re.sub(r"\{(\w+)\}", lambda found: self.names[PLACEHOLDERS[found[1]]], path)
            if media_type == "application/json":
                reply = self.client.request(method, address, json=body["example"])
            elif media_type == "multipart/form-data":
                parts = [*body["schema"]["required"], *body["schema"]["properties"].keys() & {"image"}]
                files = {key: ("file", self._file(name)) for key in parts if key not in body["example"]}
                fields = {key: str(value) for key, value in body["example"].items()}
                reply = self.client.post(address, data=fields, files=files)
                self._keep(name, reply)
                headers = {"Prefer": "wait=60", "Accept": "application/json"}
                reply = self.client.post(address, data=fields, files=files, headers=headers)
                self._keep(name, reply)
            else:
                headers = {"Content-Type": media_type.replace("*", "png"), "Prefer": "wait=60"}
                reply = self.client.post(address, content=self._file(name), headers=headers)
            assert reply.status_code in (200, 201, 202), f"{name} {media_type}: {reply.text}"

    def _file(self, name: str) -> bytes:
        return (self.folder / ("photo.vjpg" if name == "decode_varjpeg" else "photo.png")).read_bytes()

    def answer(self, name: str, *members: str) -> list[Any]:
        """Members of the JSON that an operation answered with."""
        body = next(iter(self.answers[name].values()))
        return [body[member] for member in members]

    def finished_job(self) -> str:
        """Id of a job that has ended and has an overlay among its files."""
        answer = self.client.post("/v1/jnd-map", files={"image": ("a", self._file(""))}, headers={"Prefer": "wait=60"})
        return str(answer.json()["job"].rpartition("/")[2])

    def long_job(self) -> str:
        """Id of a job that does not end by itself before it can be cancelled."""
        large = Path(self.folder / "large.png")
        Image.fromarray(draw_sample()).resize((3000, 2000)).save(large)
        answer = self.client.post("/v1/jnd-map", files={"image": ("a", large.read_bytes())})
        return str(answer.json()["id"])

    def finish_session(self) -> None:
        """Answer until nothing more is asked, attentively: what never differs is never seen, what is bad at once."""
        address = f"/v1/observe/{self.names['TOKEN']}/sessions/{self.names['SESSION']}"
        session = self.client.get(address).json()
        while (trial := session["trial"]) is not None:
            low, high = (self.client.get(trial["levels"].replace("{level}", level)).content for level in ("1", "100"))
            level = 42 if low != high else 101 if high == self.client.get(trial["reference"]).content else 1
            answer = {"level": level, "pixels_per_degree": 60}
            reply = self.client.post(f"{address}/trials/{trial['number']}", json=answer)
            assert reply.status_code == 200, reply.text
            session = reply.json()

    def ask_more_observers(self) -> None:
        """Ten more take part, so that there are enough answers for a profile."""
        consent = self.operations["begin_session"][2]["requestBody"]["content"]["application/json"]["example"]
        for _ in range(10):
            begun = self.client.post(f"/v1/observe/{self.names['TOKEN']}/sessions", json=consent)
            self.names["SESSION"] = begun.json()["session"]
            self.finish_session()

    def until_ready(self) -> None:
        """Wait until the photos of the study, the one to practise on among them, have all their versions."""
        end = time.monotonic() + 120
        consent = self.operations["begin_session"][2]["requestBody"]["content"]["application/json"]["example"]
        while self.client.post(f"/v1/observe/{self.names['TOKEN']}/sessions", json=consent).status_code != 201:
            assert time.monotonic() < end, "the study did not become ready"
            time.sleep(0.2)

    def until_batch_ended(self) -> None:
        """Wait until all photos of the batch are done: before that, how many have a job hangs on the machine."""
        end = time.monotonic() + 120
        while self.client.get(f"/v1/batch/{self.names['BATCH']}").json()["finished_at"] is None:
            assert time.monotonic() < end, "the batch did not end"
            time.sleep(0.1)


PLACEHOLDERS = {
    "organiser_key": "KEY",
    "token": "TOKEN",
    "session_id": "SESSION",
    "number": "NUMBER",
    "job_id": "ID",
    "batch_id": "BATCH",
}


@pytest.fixture(scope="module")
def tour(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tour]:
    folder = tmp_path_factory.mktemp("examples")
    photo = Image.fromarray(draw_sample()[200:264, 200:296])
    photo.save(folder / "photo.png")
    photo.save(folder / "photo.jpg", quality=60)
    temporary = folder / "service"
    temporary.mkdir()
    with service(temporary) as (client, _):
        made = client.post(
            "/v1/varjpeg",
            files={"image": ("photo.png", (folder / "photo.png").read_bytes())},
            data={"format": "varjpeg", "quality": "60"},
            headers={"Prefer": "wait=60", "Accept": "application/vnd.limen.varjpeg"},
        )
        (folder / "photo.vjpg").write_bytes(made.content)
        yield Tour(client, folder)


def test_the_tour_sees_every_operation(tour: Tour) -> None:
    assert sorted(TOUR) == sorted(tour.operations)


def test_every_example_runs(tour: Tour) -> None:
    for name in TOUR:
        if name == "read_job":
            tour.names["ID"] = tour.finished_job()
        if name == "begin_session":
            tour.until_ready()
        if name == "read_batch":
            tour.until_batch_ended()
        if name == "read_study_profile":
            tour.ask_more_observers()
        if name == "cancel_job":
            tour.names["ID"] = tour.long_job()
        tour.curl(name)
        if name == "create_batch":
            (tour.names["BATCH"],) = tour.answer(name, "id")
        if name == "create_study":
            key, token = tour.answer(name, "organiser_key", "observer_token")
            tour.names |= {"KEY": key, "TOKEN": token}
        if name == "begin_session":
            (tour.names["SESSION"],) = tour.answer(name, "session")
        if name == "answer_trial":
            tour.finish_session()
        elif tour.operations[name][0] == "post":
            tour.post_example(name)
    if os.environ.get("LIMEN_RENEW"):
        KEPT.write_text(json.dumps(tour.answers, indent=1) + "\n")


def test_the_kept_replies_have_the_shape_of_real_ones(tour: Tour) -> None:
    kept = json.loads(KEPT.read_text())
    assert kept.keys() == tour.answers.keys()
    for name, replies in tour.answers.items():
        assert {status: shape(body) for status, body in kept[name].items()} == {
            status: shape(body) for status, body in replies.items()
        }, name


def shape(value: Any) -> Any:
    """Names and types of a JSON value; a list has the shape of its first item, a number is a number.

    What a model was measured at differs from one release of its weights to the next.
    """
    if isinstance(value, dict):
        return {key: shape(member) for key, member in value.items() if key != "metrics"}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return "number" if isinstance(value, int | float) else type(value).__name__
