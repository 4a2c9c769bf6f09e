"""From the answers of a study to a profile that a service runs under."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.stats import genextreme

from models.sur.gev import GevParameters
from models.sur.observers import distance_version, find_profile
from models.sur.prediction import predict_sur_curve
from tests.assets.service_process import ServiceProcess
from tests.assets.study_people import Eye, Observer, Organiser, soft_shapes
from training.data.mcl_jci import read_samples
from workers.studies.samples import read_study

pytestmark = pytest.mark.slow
LIMEN = Path(sys.executable).with_name("limen")
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
    """Run ``limen calibrate``; what it prints."""
    arguments = ["calibrate", str(samples), "--name", "team", "-o", str(output), *more]
    environment = {name: value for name, value in os.environ.items() if name != "LIMEN_PROFILES"}
    run = subprocess.run([str(LIMEN), *arguments], capture_output=True, text=True, env=environment, timeout=120)
    assert run.returncode == 0, run.stderr
    report: dict[str, Any] = json.loads(run.stdout)
    return report


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
