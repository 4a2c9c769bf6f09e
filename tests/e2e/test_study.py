"""An observer study over real HTTP, the same suite for both modes: from the organiser's photos to a profile."""

import csv
import io
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.stats import genextreme

from models.sur.gev import GevParameters
from models.sur.observers import distance_version, find_profile
from models.sur.prediction import predict_sur_curve
from tests.assets.hostile_images import scene_png
from tests.assets.service_process import ServiceProcess
from tests.assets.study_people import SCREEN, Eye, Observer, Organiser, soft_shapes
from training.data.mcl_jci import read_samples
from training.data.study_csv import read_study

pytestmark = pytest.mark.slow
LIMEN_TRAIN = Path(sys.executable).with_name("limen-train")


@pytest.fixture(scope="module", params=["embedded", pytest.param("redis", marks=pytest.mark.redis)])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    url = None
    if request.param == "redis":
        redis_server = request.getfixturevalue("redis_server")
        redis_server.client().flushall()
        url = redis_server.url
    folder = tmp_path_factory.mktemp(request.param)
    with ServiceProcess(folder, redis_url=url, blob_dir=folder / "blobs", study_limit=100) as running:
        yield running


@pytest.fixture(scope="module")
def study(service: ServiceProcess) -> Organiser:
    """A study of two photos, ready; the second is asked for two JNDs."""
    made = Organiser(service.client, method="bisection", jnds=2)
    for seed in (1, 2):
        assert made.add(soft_shapes(seed), name=f"wave {seed}").status_code == 202
    made.wait_until_ready()
    return made


def problem(reply: Any) -> str:
    """The code of a problem, after a look at its form."""
    assert reply.headers["content-type"] == "application/problem+json", reply.text
    code: str = reply.json()["type"].removeprefix("/problems/")
    return code


def rows(study: Organiser, **query: str) -> list[dict[str, str]]:
    reply = study.client.get(f"{study.path}/samples", params=query)
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(reply.text)))


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


KNOWN = GevParameters(location=34.0, scale=9.0, shape=-0.1)
"""Of the JNDs that simulated observers are drawn from, on the QF axis."""


def eye_of(levels: list[int]) -> Eye:
    """Answers with one level a photo."""
    return lambda number, _: levels[number]


def test_thirty_observers_of_a_known_gev_make_a_profile_that_finds_it_again(
    service: ServiceProcess, tmp_path: Path
) -> None:
    made = Organiser(service.client)
    pictures = [soft_shapes(seed) for seed in (21, 22, 23, 24)]
    for picture in pictures:
        made.add(picture)
    made.wait_until_ready()
    generator = np.random.default_rng(5)
    for _ in range(30):
        jnds = 101 - genextreme.rvs(-KNOWN.shape, KNOWN.location, KNOWN.scale, size=5, random_state=generator)
        levels = np.clip(np.ceil(jnds), 1, 101).astype(int).tolist()
        Observer(service.client, made.made["observer_token"]).take_part(eye_of(levels))
    exported = tmp_path / "study.csv"
    exported.write_text(service.client.get(f"{made.path}/samples").text)
    assert len(read_study(exported)) >= 4 * 28
    assert {image: len(by_jnd[1]) for image, by_jnd in read_samples(exported).items()}.keys() == {1, 2, 3, 4}

    profile = tmp_path / "profiles" / "team.json"
    report = calibrate(exported, profile)
    fits = [each["gev"] for each in report["photos"]]
    assert np.mean([fit["location"] for fit in fits]) == pytest.approx(KNOWN.location, abs=2)
    assert np.mean([fit["scale"] for fit in fits]) == pytest.approx(KNOWN.scale, rel=0.2)

    before = [predict_sur_curve(np.asarray(Image.open(io.BytesIO(picture)))) for picture in pictures]
    after = [
        predict_sur_curve(np.asarray(Image.open(io.BytesIO(picture))), observer=find_profile("team", profile.parent))
        for picture in pictures
    ]
    assert all(abs(one.gev.location - other.gev.location) > 1 for one, other in zip(before, after, strict=True))
    assert np.mean([curve.gev.location for curve in after]) == pytest.approx(KNOWN.location, abs=2)
    assert np.mean([curve.gev.scale for curve in after]) == pytest.approx(KNOWN.scale, rel=0.2)

    folder = tmp_path / "photos"
    folder.mkdir()
    for number, picture in enumerate(pictures):
        (folder / f"{number}.png").write_bytes(picture)
    again = calibrate(exported, tmp_path / "again.json", "--photos", str(folder))
    for jnd in "123":
        assert again["thresholds"][jnd] == pytest.approx(report["thresholds"][jnd], abs=1e-3)


def calibrate(samples: Path, output: Path, *more: str) -> dict[str, Any]:
    """Run ``limen-train calibrate``; what it prints."""
    arguments = ["calibrate", "--samples", str(samples), "--name", "team", "-o", str(output), *more]
    environment = {name: value for name, value in os.environ.items() if name != "LIMEN_PROFILES"}
    run = subprocess.run([str(LIMEN_TRAIN), *arguments], capture_output=True, text=True, env=environment, timeout=120)
    assert run.returncode == 0, run.stderr
    report: dict[str, Any] = json.loads(run.stdout)
    return report


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


def test_a_service_under_a_profile_of_its_own(tmp_path: Path) -> None:
    """``limen serve --profile FILE``: the profile is offered, is the default, and gives another curve."""
    thresholds = {str(jnd): {"log_distance": jnd - 5.5, "spread": 0.3} for jnd in (1, 2, 3)}
    entry = {"description": "Eagles.", "thresholds": thresholds}
    profile = tmp_path / "team.json"
    profile.write_text(json.dumps({"distance_version": distance_version(), "profiles": {"team": entry}}))
    versions, curves = set(), {}
    for serve in ((), ("--profile", str(profile))):
        folder = tmp_path / f"service-{len(serve)}"
        folder.mkdir()
        with ServiceProcess(folder, real=True, serve=serve) as running:
            reply = running.client.post(
                "/v1/sur-curve",
                files={"image": soft_shapes(1)},
                headers={"Prefer": "wait=60", "Accept": "application/json"},
            )
            assert reply.status_code == 200, reply.text
            curves[reply.json()["observer"]] = reply.json()["gev"]["location"]
            known = running.client.get("/v1/models").json()
            versions.add(known["model_version"])
            names = {observer["name"] for observer in known["workers"][0]["observers"]}
            assert names == {"aic-3", "flicker", "mcl-jci", *(["team"] if serve else [])}
    assert set(curves) == {"aic-3", "team"}
    assert curves["team"] > curves["aic-3"] + 5, "eagles ask for a higher quality"
    assert len(versions) == 2, "results of one are not given for the other"


def test_a_service_does_not_start_under_a_profile_that_is_not_there() -> None:
    limen = Path(sys.executable).with_name("limen")
    run = subprocess.run([limen, "serve", "--port", "0", "--profile", "nobody"], capture_output=True, timeout=120)
    assert run.returncode == 2
    assert b"observer is one of aic-3, flicker, mcl-jci, not 'nobody'" in run.stderr
