"""The numbers of the SUR experiment."""

from pydantic import Field

from training.run.config import ExperimentConfig, Strict


class HeadFit(Strict):
    """How ``lite`` fits its head on the frozen body (section 5.3)."""

    epochs: int = Field(ge=1)
    learning_rate: float = Field(gt=0)


class SurConfig(ExperimentConfig):
    """``fit`` is stage one of preset ``lite``, stage two of ``paper``."""

    name: str = "sur"
    versions: int = Field(ge=1, le=16, description="versions of a tile in a batch of lite, drawn anew each time")
    head: HeadFit
    stage_one_epochs: int = Field(ge=1, description="of the published stage one (section 6.2)")
