"""People of an observer study, for tests: an organiser who uses the REST API, and observers who answer by a rule."""

import time
from collections.abc import Callable
from typing import Any

import httpx2
import numpy as np

from tests.assets.photos import png

JSON = {"Content-Type": "application/json"}
STUDY = {"title": "Chairs", "consent_text": "Your answers are stored under a random number and nothing else of you."}
SCREEN = {"css_pixels_per_mm": 3.78, "viewing_distance_mm": 600}
READY_S = 60.0

Eye = Callable[[int, int], int]
"""The level, 1..101, that an observer notices first, by number of the photo and JND."""


def eye_shifted(by: int) -> Eye:
    """Someone whose answers lie ``by`` levels above those of the strictest."""
    return lambda number, _: 40 + 3 * number + by


def soft_shapes(seed: int, width: int = 160, height: int = 120) -> bytes:
    """A PNG of soft shapes and a little noise, another one for each seed."""
    generator = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width] / 24
    waves = [np.sin(rows * generator.uniform(0.3, 2) + columns * generator.uniform(0.3, 2)) for _ in range(3)]
    noise = generator.normal(0, 4, (height, width, 3))
    pixels = np.clip(128 + 70 * np.stack(waves, axis=2) + noise, 0, 255).astype(np.uint8)
    return png(pixels)


class Organiser:
    """Makes one study and knows its key."""

    def __init__(self, client: httpx2.Client, **options: Any) -> None:
        self.client = client
        made = client.post("/v1/studies", json=STUDY | options)
        assert made.status_code == 201, made.text
        self.made: dict[str, Any] = made.json()
        self.path = f"/v1/studies/{self.made['organiser_key']}"
        self.observe = f"/v1/observe/{self.made['observer_token']}"

    def add(self, content: bytes, **fields: str) -> httpx2.Response:
        return self.client.post(f"{self.path}/photos", files={"image": content}, data=fields)

    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = self.client.get(self.path).json()
        return status

    def wait_until_ready(self, timeout_s: float = READY_S) -> dict[str, Any]:
        """The status once no photo is being prepared and a session can begin."""
        end = time.monotonic() + timeout_s
        while True:
            status = self.status()
            practised = self.client.post(f"{self.observe}/sessions", json={"consent": True}).status_code
            if all(each["state"] != "preparing" for each in status["photos"]) and practised == 422:
                reply = self.client.post(f"{self.observe}/sessions", json={"consent": True, "screen": SCREEN})
                if reply.status_code == 201:
                    return status
            assert time.monotonic() < end, status
            time.sleep(0.1)


class Observer:
    """Takes part through the REST API; looks at the images only to see whether all are the same."""

    def __init__(self, client: httpx2.Client, token: str) -> None:
        self.client = client
        self.path = f"/v1/observe/{token}"
        begun = client.post(f"{self.path}/sessions", json={"consent": True, "screen": SCREEN})
        assert begun.status_code == 201, begun.text
        self.view: dict[str, Any] = begun.json()
        self.session = f"{self.path}/sessions/{self.view['session']}"

    def image(self, trial: dict[str, Any], level: int) -> bytes:
        reply = self.client.get(trial["levels"].replace("{level}", str(level)))
        assert reply.status_code == 200, reply.text
        return reply.content

    def answer(self, level: int, *, number: int | None = None) -> httpx2.Response:
        trial = self.view["trial"]["number"] if number is None else number
        reply = self.client.post(f"{self.session}/trials/{trial}", json={"level": level, "pixels_per_degree": 60.0})
        if reply.status_code == 200:
            self.view = reply.json()
        return reply

    def look(self, trial: dict[str, Any], eye: Eye, *, attentive: bool = True) -> int:
        """What this observer would answer to a trial."""
        if attentive and trial["jnd"] == 1:
            lowest, highest = self.image(trial, 1), self.image(trial, 100)
            if lowest == highest:
                return 101 if lowest == self.image(trial, 0) else 1
        lowest_level: int = trial["lowest_level"]
        return max(lowest_level, eye(trial["photo"], trial["jnd"]))

    def take_part(self, eye: Eye, *, attentive: bool = True) -> None:
        """Answer everything that is asked."""
        while (trial := self.view["trial"]) is not None:
            assert self.answer(self.look(trial, eye, attentive=attentive)).status_code == 200
