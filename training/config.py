"""Typed configuration of an experiment; an unknown key is an error."""

from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

CONFIGS = Path(__file__).parent / "configs"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FitConfig(_Strict):
    """How a network is fitted."""

    epochs: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    weight_decay: float = Field(default=0.0, ge=0)
    patience: int = Field(default=10, ge=1, description="epochs without a better validation loss before stopping")


class ExperimentConfig(_Strict):
    """One experiment: ``data`` and ``work`` folders come from the command line, the rest from its YAML file.

    ``labels``: numbers that steer label making, read and checked by the experiment alone.
    """

    name: str
    preset: Literal["lite", "paper"] = "lite"
    seed: int = 0
    threads: int = Field(default=1, ge=1)
    fit: FitConfig
    labels: dict[str, float] = {}
    data: Path
    work: Path

    @property
    def folder(self) -> Path:
        """Where labels, checkpoints and run records of this experiment go."""
        return self.work / self.name


def load_config(
    name: str, *, data: Path, work: Path, preset: str = "lite", seed: int | None = None
) -> ExperimentConfig:
    """Read ``configs/NAME.yaml``. Raises: FileNotFoundError; pydantic.ValidationError that names the wrong key."""
    document = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text())
    document |= {"name": name, "data": data, "work": work, "preset": preset}
    if seed is not None:
        document["seed"] = seed
    return ExperimentConfig.model_validate(document)
