"""The numbers of the full-reference experiment."""

from pydantic import Field

from training.run.config import ExperimentConfig, Strict


class StreamFit(Strict):
    """How ``lite`` fits its streams to kinds and strengths of distortions."""

    epochs: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    learning_rate: float = Field(gt=0)


class FullReferenceConfig(ExperimentConfig):
    """``fit`` is that of the FC layers in preset ``lite``, of the whole network in ``paper``."""

    name: str = "full_reference"
    streams: StreamFit
