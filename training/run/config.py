"""Typed configuration of an experiment; an unknown key is an error."""

from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field

from models.graphs.artefacts import WEIGHTS

CONFIGS = Path(__file__).parents[1] / "configs"


class Strict(BaseModel):
    """Frozen; a key that is not described is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class WarmRestart(Strict):
    """One more fall of the learning rate, from the best weights so far (Loshchilov and Hutter 2017)."""

    epochs: int = Field(ge=1)
    learning_rate: float = Field(gt=0)


class FitConfig(Strict):
    """How a network is fitted."""

    epochs: int = Field(ge=1, description="of the first fall of the learning rate; all, without warm restarts")
    batch_size: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    warm_restarts: tuple[WarmRestart, ...] = Field(default=(), description="one after another, after ``epochs``")
    weight_decay: float = Field(default=0.0, ge=0)
    optimiser: Literal["adamw", "adam", "sgd"] = "adamw"
    betas: tuple[float, float] = Field(default=(0.9, 0.999), description="Adam's; the first is the momentum of sgd")
    falls: bool = Field(default=True, description="whether the learning rate falls along a cosine, to a fiftieth")
    clips: bool = Field(default=True, description="whether gradients are clipped to a norm of 1")
    patience: int = Field(default=10, ge=1, description="epochs without a better validation loss before stopping")
    mixed_precision: bool = Field(default=True, description="bfloat16 in the forward pass on CUDA")
    batch_parts: int = Field(default=1, ge=1, description="passes that a batch is split into, where memory is short")
    workers: int = Field(default=0, ge=0, description="processes that make batches; 0: the one that learns")
    checkpoint_minutes: float = Field(default=10, ge=0, description="between checkpoints, besides one each epoch")

    @property
    def all_epochs(self) -> int:
        """Of all falls of the learning rate."""
        return self.epochs + sum(restart.epochs for restart in self.warm_restarts)

    def fall_of(self, epoch: int) -> tuple[int, int, float]:
        """First epoch of the fall that ``epoch`` lies in, how many it has, and its first learning rate."""
        first, epochs, rate = 0, self.epochs, self.learning_rate
        for restart in self.warm_restarts:
            if epoch < first + epochs:
                break
            first, epochs, rate = first + epochs, restart.epochs, restart.learning_rate
        return first, epochs, rate


class ExperimentConfig(Strict):
    """What every experiment has; each one's own class, beside its code, adds its numbers and the default of ``name``.

    ``data`` and ``work`` folders come from the command line, the rest from the YAML file. ``variant``: empty for preset
    ``lite`` with the seed of the file, else a name for what is different, so that no run touches another's checkpoints.
    """

    name: str
    preset: Literal["lite", "paper"] = "lite"
    variant: str = ""
    seed: int = 0
    threads: int = Field(default=1, ge=1)
    restart: bool = Field(default=False, description="throw away checkpoints of other inputs instead of stopping")
    fit: FitConfig
    data: Path
    work: Path

    @property
    def folder(self) -> Path:
        """Where the labels of this experiment go, which its variants share."""
        return self.work / self.name

    @property
    def checkpoints(self) -> Path:
        """Where weights, history and run record of this variant go."""
        return self.folder / self.variant

    @property
    def other_seeds(self) -> list[Path]:
        """Folders of this preset's runs with another seed than the file's, in the order of their names."""
        return sorted(self.folder.glob(_preset_variant(self.preset, "seed-*")))

    @property
    def weights(self) -> Path:
        """Where graphs are exported to: only preset ``lite`` with its own seed is what the product ships."""
        return self.checkpoints / "weights" if self.variant else WEIGHTS


Config = TypeVar("Config", bound=ExperimentConfig)


def load_config(
    kind: type[Config],
    *,
    data: Path,
    work: Path,
    preset: str = "lite",
    seed: int | None = None,
    epochs: int | None = None,
    workers: int = 0,
    restart: bool = False,
) -> Config:
    """Read ``configs/NAME.yaml`` of the experiment that ``kind`` describes; section ``paper`` is what it changes.

    Raises: FileNotFoundError; pydantic.ValidationError that names the wrong key.
    """
    name = kind.model_fields["name"].default
    document = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text())
    paper = document.pop("paper", {})
    if preset == "paper":
        document = _merged(document, paper)
    document["fit"] |= {"workers": workers} | ({} if epochs is None else {"epochs": epochs, "warm_restarts": ()})
    other_seed = ""
    if seed is not None and seed != document.get("seed", 0):
        other_seed = f"seed-{seed}"
        document["seed"] = seed
    variant = _preset_variant(preset, other_seed)
    document |= {"name": name, "data": data, "work": work, "preset": preset, "variant": variant, "restart": restart}
    return kind.model_validate(document)


def _preset_variant(preset: str, seed: str) -> str:
    """Name of the variant of a preset: that of ``lite`` is the seed's alone."""
    return "-".join(part for part in ("" if preset == "lite" else preset, seed) if part)


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """``base`` with ``changes``, section by section."""
    nested = {key: base[key] | value for key, value in changes.items() if isinstance(value, dict) and key in base}
    return base | changes | nested
