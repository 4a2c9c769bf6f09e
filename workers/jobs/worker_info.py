"""What a worker process says of itself: its models and the observers that it can predict for."""

from typing import Any

from pydantic import BaseModel

WORKER_SEEN_S = 15.0
"""A worker process that has not published itself for this long is gone; three missed heartbeats."""


class ModelInfo(BaseModel):
    """One weight file as a worker really runs it."""

    name: str
    version: str
    sha256: str
    preset: str
    provider: str
    training_data: str
    licence: str
    metrics: dict[str, Any]
    card: str


class ObserverInfo(BaseModel):
    """One observer profile that a worker can predict for: its name as a request gives it, and what it means."""

    name: str
    title: str = ""
    description: str
    pixels_per_degree: float = 38.0


class WorkerInfo(BaseModel):
    """One worker process that is ready to run jobs, as it last published itself."""

    name: str
    model_version: str
    models: list[ModelInfo]
    observers: list[ObserverInfo] = []
    seen_at: float = 0.0
