"""The numbers of the JND experiment: the batches that the judges see, and what each judge's word is worth."""

from pydantic import Field

from training.run.config import ExperimentConfig, Strict


class Regions(Strict):
    """What one epoch is made of."""

    steps: int = Field(ge=1, description="batches of an epoch")
    batch: int = Field(ge=1, description="regions of the largest size in a batch, or as many pixels of smaller ones")


class Refinement(Regions):
    """The second stage, in which batch normalisation keeps its statistics: a batch may be one region."""

    epochs: int = Field(ge=0, description="0: none")
    learning_rate: float = Field(gt=0)


class JudgeWeights(Strict):
    """What each judge's word is worth.

    Logarithms, so that an easy photo's gain counts as much as a hard one's of the same proportion.
    """

    ssimulacra2_weight: float = Field(ge=0, description="logarithm of what is missing from 100")
    butteraugli_weight: float = Field(ge=0, description="logarithm of the 3-norm")
    ssim_weight: float = Field(ge=0, description="a rise of SSIM by 1")
    floor_weight: float = Field(ge=0, description="mean over pixels of each e-fold below the floor")
    floor: float = Field(gt=0, description="least amplitude, as a share of the root mean square")
    ceiling_weight: float = Field(ge=0, description="the same above the ceiling")
    ceiling: float = Field(gt=0, description="most amplitude, as a share of the root mean square")
    peak_weight: float = Field(ge=0, description="the same above the peak, which single pixels reach")
    peak: float = Field(gt=0, description="a largest amplitude, as a share of the root mean square")
    unit_weight: float = Field(ge=0, description="squared logarithm of the 3-norm at gamma = 1")
    butteraugli_baseline_weight: float = Field(
        ge=0, description="logarithm of the 3-norm over that of local contrast, where above: no judge pays for another"
    )
    ssimulacra2_baseline_weight: float = Field(
        ge=0, description="logarithm of what is missing from 100 over that of local contrast, where above"
    )


class JndConfig(ExperimentConfig):
    """Fitted through the judges alone; ``fit`` is the first stage."""

    name: str = "jnd"
    regions: Regions
    refinement: Refinement
    judges: JudgeWeights
