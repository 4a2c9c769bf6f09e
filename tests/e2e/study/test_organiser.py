"""What an organiser makes, is told, exports and deletes."""

import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.assets.photos import scene_png
from tests.assets.service_process import ServiceProcess
from tests.assets.study_people import SCREEN, Observer, Organiser, eye_shifted, soft_shapes
from tests.e2e.study.replies import problem, rows

pytestmark = pytest.mark.slow


def test_the_same_photo_in_two_studies_is_deleted_in_one_only(service: ServiceProcess) -> None:
    first, second = Organiser(service.client), Organiser(service.client)
    for each in (first, second):
        each.add(soft_shapes(3))
    for each in (first, second):
        each.wait_until_ready()
    observer = Observer(service.client, second.made["observer_token"])
    assert service.client.delete(first.path).status_code == 204
    for path in (first.path, f"{first.path}/samples", first.observe):
        reply = service.client.get(path)
        assert (reply.status_code, problem(reply)) == (410, "study-expired")
    assert problem(first.add(soft_shapes(4))) == "study-expired"
    observer.image(observer.view["trial"], 50)
    assert second.status()["photos"][0]["state"] == "ready"


def test_a_study_that_is_being_prepared_can_be_deleted(service: ServiceProcess) -> None:
    made = Organiser(service.client)
    for seed in range(10, 13):
        made.add(soft_shapes(seed, 900, 700))
    assert problem(service.client.post(f"{made.observe}/sessions", json={"consent": True, "screen": SCREEN})) == (
        "study-unready"
    )
    assert problem(service.client.get(f"{made.path}/samples")) == "study-empty"
    assert service.client.delete(made.path).status_code == 204
    after = Organiser(service.client)
    after.add(soft_shapes(14))
    after.wait_until_ready()


def test_a_photo_that_cannot_be_read_is_left_out(service: ServiceProcess) -> None:
    made = Organiser(service.client)
    assert problem(made.add(b"GIF?")) == "image-type-unsupported"
    assert problem(made.add(b"")) == "upload-empty"
    assert problem(made.add(soft_shapes(5), name="=cmd()")) == "request-invalid"
    assert problem(made.add(soft_shapes(5), title="x")) == "request-invalid"
    made.add(scene_png()[:-40])
    made.add(soft_shapes(6))
    status = made.wait_until_ready()
    assert [each["state"] for each in status["photos"]] == ["failed", "ready"]
    assert status["photos"][0]["detail"]
    observer = Observer(service.client, made.made["observer_token"])
    observer.take_part(lambda *_: 50)
    assert {row["image"] for row in rows(made)} == {"2"}


def test_big_photos_are_shown_no_larger_than_the_study_says(service: ServiceProcess) -> None:
    made = Organiser(service.client, display_width=160, display_height=120)
    made.add(soft_shapes(7, 400, 200))
    status = made.wait_until_ready()
    assert (status["photos"][0]["width"], status["photos"][0]["height"]) == (160, 80)


@pytest.mark.parametrize(
    "wrong",
    [
        {"title": ""},
        {"consent_text": ""},
        {"consent_text": "x" * 5001},
        {"method": "guess"},
        {"jnds": 4},
        {"expires_in_days": 61},
        {"display_width": 4000},
        {"extra": 1},
    ],
)
def test_what_a_study_cannot_be(service: ServiceProcess, wrong: dict[str, Any]) -> None:
    options = {"title": "t", "consent_text": "c"} | wrong
    reply = service.client.post("/v1/studies", json=options)
    assert problem(reply) == "request-invalid"
    assert reply.json()["errors"][0]["field"] in wrong


def test_links_cannot_be_guessed_and_say_when_they_end(study: Organiser) -> None:
    made = study.made
    assert made["links"]["organiser_page"] == f"/study#{made['organiser_key']}"
    assert made["links"]["observer_page"] == f"/study/{made['observer_token']}"
    for secret in (made["organiser_key"], made["observer_token"]):
        assert re.fullmatch(r"[\w-]{43}", secret)
    assert made["organiser_key"] not in json.dumps(study.client.get(study.observe).json())
    assert study.client.get(study.observe).json()["expires_at"] == made["expires_at"]
    assert problem(study.client.get("/v1/observe/none")) == "study-unknown"


def test_pages_of_a_study_have_the_strict_policy(service: ServiceProcess, study: Organiser) -> None:
    for path in ("/study", study.made["links"]["observer_page"]):
        page = service.client.get(path)
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["cache-control"] == "no-store"
        assert not re.search(r"<style|<script>|\son\w+=|\sstyle=", page.text)


def test_a_study_leaves_as_a_data_set_in_the_layout_of_mcl_jci(study: Organiser, tmp_path: Path) -> None:
    Observer(study.client, study.made["observer_token"]).take_part(lambda _, jnd: 30 * jnd)
    reply = study.client.get(f"{study.path}/dataset")
    with zipfile.ZipFile(io.BytesIO(reply.content)) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path)
    from training.data.mcl_jci import read_mcl_jci

    found = read_mcl_jci(tmp_path)
    assert [one.source for one in found] == ["ImageJND_SRC01", "ImageJND_SRC02"]
    assert all(set(one.versions) == set(range(1, 101)) for one in found)
    assert all(set(one.samples) == {1, 2} for one in found)


def test_a_profile_is_fitted_to_ten_answers_and_more(service: ServiceProcess) -> None:
    made = Organiser(service.client)
    for seed in (51, 52):
        made.add(soft_shapes(seed))
    made.wait_until_ready()
    reply = service.client.get(f"{made.path}/profile")
    assert (reply.status_code, problem(reply)) == (409, "study-empty")
    for shift in range(6):
        Observer(service.client, made.made["observer_token"]).take_part(eye_shifted(shift))
    reply = service.client.get(f"{made.path}/profile?name=eagles")
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-disposition"] == 'attachment; filename="eagles.json"'
    found = reply.json()
    assert found["profiles"].keys() == {"eagles"}
    assert found["screening"] == {"kept": 6, "attention": 0, "outlier": 0}
    assert found["calibration"]["observers"] == 6
    low, curve, high = (found["curve"][name] for name in ("low", "sur", "high"))
    assert all(one <= other <= third for one, other, third in zip(low, curve, high, strict=True))
    assert curve == sorted(curve, reverse=True)
    for name in ("aic-3", "mcl-jci"):  # a shipped one's
        assert problem(service.client.get(f"{made.path}/profile?name={name}")) == "parameter-invalid"


def test_photos_are_shown_to_the_organiser(service: ServiceProcess, study: Organiser) -> None:
    reply = service.client.get(f"{study.path}/photos/2")
    assert reply.headers["content-type"] == "image/jpeg"
    assert reply.content.startswith(b"\xff\xd8")
    assert problem(service.client.get(f"{study.path}/photos/3")) == "route-unknown"
