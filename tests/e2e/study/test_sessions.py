"""A session over real HTTP in both modes: consent, trials, answers, and what nobody else may see."""

import io
import json

import pytest
from PIL import Image

from tests.assets.service_process import ServiceProcess
from tests.assets.study_people import SCREEN, Observer, Organiser, soft_shapes
from tests.e2e.study.replies import problem, rows

pytestmark = pytest.mark.slow


def test_a_session_from_consent_to_the_last_answer(study: Organiser) -> None:
    invited = study.client.get(study.observe).json()
    assert (invited["title"], invited["photos"], invited["jnds"]) == ("Chairs", 2, 2)
    observer = Observer(study.client, study.made["observer_token"])
    first = observer.view["trial"]
    assert (first["training"], first["photo"], first["number"]) == (True, 0, 0)
    seen = []
    while (trial := observer.view["trial"]) is not None:
        seen.append((trial["photo"], trial["jnd"]))
        assert trial["lowest_level"] <= trial["start_level"] <= 100
        reference = Image.open(io.BytesIO(study.client.get(trial["reference"]).content))
        assert reference.size == (trial["width"], trial["height"])
        if trial["jnd"] == 2:
            assert (reference.format, trial["lowest_level"]) == ("JPEG", 31), "the first JND is the reference"
        level = observer.look(trial, lambda _, jnd: 30 * jnd)
        assert observer.answer(level).status_code == 200
    assert sorted(set(seen[1:])) >= [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert len(seen) == observer.view["total"] == 1 + 4 + 2
    kept = [row for row in rows(study) if row["observer"] == observer.view["observer"]]
    assert {(row["image"], row["jnd"], row["qf"]) for row in kept} == {
        (image, jnd, qf) for image in "12" for jnd, qf in (("1", "71"), ("2", "41"))
    }
    assert {row["name"] for row in kept} == {"wave 1", "wave 2"}
    assert all(float(row["log_distance_below"]) <= float(row["log_distance"]) for row in kept)


def test_a_session_is_taken_up_where_it_was_left(study: Organiser) -> None:
    observer = Observer(study.client, study.made["observer_token"])
    observer.answer(40)
    again = study.client.get(observer.session).json()
    assert again == observer.view
    assert again["done"] == 1
    assert observer.answer(40, number=0).status_code == 200, "sent twice after a lost reply"
    assert problem(observer.answer(41, number=0)) == "answer-conflict"
    assert problem(observer.answer(41, number=3)) in ("answer-conflict", "trial-unknown")
    assert problem(observer.answer(41, number=99)) == "trial-unknown"
    assert problem(observer.answer(0)) == "request-invalid"


def test_nothing_of_an_observer_is_stored_but_answers(study: Organiser, service: ServiceProcess) -> None:
    agent = "Peculiar/7.1 (very personal)"
    service.client.get(study.observe, headers={"User-Agent": agent})
    reply = service.client.post(
        f"{study.observe}/sessions",
        json={"consent": True, "screen": SCREEN},
        headers={"User-Agent": agent, "X-Forwarded-For": "203.0.113.77"},
    )
    assert "set-cookie" not in reply.headers
    Observer(study.client, study.made["observer_token"]).take_part(lambda *_: 40)
    stored = json.dumps([rows(study, screened="true"), study.status()])
    for role in service.pids:
        stored += service.log(role)
    for personal in (agent, "203.0.113.77"):
        assert personal not in stored


def test_secrets_are_not_written_to_the_log(study: Organiser, service: ServiceProcess) -> None:
    study.status()
    service.client.get(study.made["links"]["observer_page"])
    log = "".join(service.log(role) for role in service.pids)
    assert "/v1/studies/{organiser_key}" in log
    assert study.made["organiser_key"] not in log
    assert study.made["observer_token"] not in log


def test_without_consent_nothing_begins(study: Organiser) -> None:
    bodies: list[object] = [{"screen": SCREEN}, {"consent": False, "screen": SCREEN}, {"consent": True}, {}, []]
    for body in bodies:
        assert problem(study.client.post(f"{study.observe}/sessions", json=body)) == "request-invalid"
    assert problem(study.client.post(f"{study.observe}/sessions", content=b"x")) == "media-type-unsupported"
    huge = {"consent": True, "screen": SCREEN, "more": "x" * 100_000}
    assert problem(study.client.post(f"{study.observe}/sessions", json=huge)) == "upload-too-large"


def test_photos_are_read_by_nobody_but_their_own_study_s_observers(service: ServiceProcess, study: Organiser) -> None:
    ours = Observer(service.client, study.made["observer_token"])
    other = Organiser(service.client, method="bisection")
    other.add(soft_shapes(1))
    other.wait_until_ready()
    theirs = Observer(service.client, other.made["observer_token"])
    image = ours.view["trial"]["levels"].replace("{level}", "50")
    assert service.client.get(image).status_code == 200
    our_token, our_session = study.made["observer_token"], ours.view["session"]
    their_token, their_session = other.made["observer_token"], theirs.view["session"]
    crossed = {
        image.replace(our_token, their_token): "session-unknown",
        image.replace(our_session, their_session): "session-unknown",
        image.replace(our_token, "A" * 43): "study-unknown",
        image.replace(our_token, study.made["organiser_key"]): "study-unknown",
        image.replace(our_token, study.made["id"]): "study-unknown",
        image.replace("/50", "/101"): "request-invalid",
        image.replace("/trials/0/", "/trials/77/"): "trial-unknown",
        f"/v1/studies/{our_token}": "study-unknown",
        f"/v1/studies/{our_token}/samples": "study-unknown",
        f"/v1/studies/{our_token}/dataset": "study-unknown",
        f"/v1/studies/{study.made['id']}": "study-unknown",
    }
    for address, code in crossed.items():
        assert problem(service.client.get(address)) == code, address
    assert problem(service.client.delete(f"/v1/studies/{our_token}")) == "study-unknown"
    for traversal in ("..%2f..%2f..%2fphoto", "%2e%2e%2freference.png", "50%2f..", "-1"):
        reply = service.client.get(image.replace("/50", f"/{traversal}"))
        assert reply.status_code in (404, 422), (traversal, reply.status_code)
    for name in ("studies", study.made["id"], "blobs"):
        assert service.client.get(f"/{name}").status_code == 404


def test_whoever_does_not_pay_attention_is_left_out_and_named_on_request(service: ServiceProcess) -> None:
    made = Organiser(service.client, method="bisection")
    made.add(soft_shapes(8))
    made.wait_until_ready()
    good, bad = (Observer(service.client, made.made["observer_token"]) for _ in range(2))
    good.take_part(lambda *_: 40)
    bad.take_part(lambda *_: 60, attentive=False)
    assert {row["observer"] for row in rows(made)} == {good.view["observer"]}
    assert {(row["observer"], row["screening"]) for row in rows(made, screened="true")} == {
        (good.view["observer"], "kept"),
        (bad.view["observer"], "attention"),
    }
    assert made.status()["observers"]["attention_failed"] == 1
