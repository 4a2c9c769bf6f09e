"""Where the pairs and the several fits of the full-reference experiment lie."""

from pathlib import Path
from typing import Any

from training.experiments.full_reference.config import FullReferenceConfig


def opinions_folder(config: FullReferenceConfig, split: str) -> Path:
    """Where the pairs with lent opinions of a split are."""
    return config.work / "opinion-pairs" / split


def high_quality_folder(config: FullReferenceConfig, split: str) -> Path:
    """Where the pairs of a split are that SSIMULACRA2 alone judges."""
    return config.work / "high-quality-pairs" / split


def part_of(config: FullReferenceConfig, name: str, **fit: Any) -> FullReferenceConfig:
    """The same configuration for one of the fits, with its own checkpoints."""
    changed = config.fit.model_copy(update=fit)
    return config.model_copy(update={"variant": f"{config.variant}/{name}".strip("/"), "fit": changed})
