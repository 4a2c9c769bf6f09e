"""The numbers of the three experiments on patches and photos without a pristine reference, and of DIPQA."""

from pydantic import Field

from training.run.config import ExperimentConfig, Strict


class PatchQualityConfig(ExperimentConfig):
    """Patchnet."""

    name: str = "patch_quality"
    patches_per_epoch: int = Field(ge=1)


class QualityScoreConfig(ExperimentConfig):
    """Meta-aggregation."""

    name: str = "quality_score"
    train_rounds: int = Field(ge=1, description="rounds of artefacts of photos/train whose maps are made")


class PatchFit(Strict):
    """What differs between DIPQA's two patch sizes."""

    pairs_per_epoch: int = Field(ge=1, description="drawn anew each time")
    epochs: int = Field(ge=1, description="if not more than those of fit")


class DipqaConfig(ExperimentConfig):
    """DIPQA; ``fit`` holds for both patch sizes."""

    name: str = "dipqa"
    patch_64: PatchFit
    patch_128: PatchFit

    def of_patch(self, side: int) -> PatchFit:
        """What holds for patches of 64 or of 128 pixels."""
        return {64: self.patch_64, 128: self.patch_128}[side]
