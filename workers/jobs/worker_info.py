"""What a worker process says of itself: its models and the observers that it can predict for."""

from typing import Any

from pydantic import BaseModel, Field

WORKER_SEEN_S = 15.0
"""A worker process that has not published itself for this long is gone; three missed heartbeats."""


class ModelInfo(BaseModel):
    """One weight file as a worker really runs it."""

    name: str = Field(description="name of the weights")
    version: str = Field(description="their version")
    sha256: str = Field(description="SHA-256 of the file")
    preset: str = Field(description="size of the network")
    provider: str = Field(description="what runs them")
    training_data: str = Field(description="what they learned from")
    licence: str = Field(description="licence of the weights")
    metrics: dict[str, Any] = Field(description="how good they were measured to be")
    card: str = Field(description="name of the model card")


class ObserverInfo(BaseModel):
    """One observer profile that a worker can predict for: its name as a request gives it, and what it means."""

    name: str = Field(description="as a request gives it")
    title: str = Field(default="", description="in a few words")
    description: str = Field(description="what the viewers do")
    pixels_per_degree: float = Field(default=38.0, description="of the viewer's eye")


class WorkerInfo(BaseModel):
    """One worker process that is ready to run jobs, as it last published itself."""

    name: str = Field(description="name of the process")
    model_version: str = Field(description="version of its models together")
    models: list[ModelInfo] = Field(description="the weights that it runs")
    observers: list[ObserverInfo] = Field(default=[], description="profiles that it can predict for")
    seen_at: float = Field(default=0.0, description="Unix time at which it last told")
