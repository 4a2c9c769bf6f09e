"""The numbers of the JND experiment: its labels, its refinement, and what each judge's word is worth there."""

from pydantic import Field

from training.run.config import ExperimentConfig, Strict


class LabelSettings(Strict):
    """How the field of one label is optimised."""

    iterations: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    butteraugli_weight: float = Field(
        ge=0, description="SSIMULACRA2 points that a fall of the 3-norm by 1 % is worth, times 100"
    )
    floor_weight: float = Field(ge=0, description="the same for each e-fold by which an amplitude is below the floor")
    floor: float = Field(ge=0, description="least amplitude, as a share of the root mean square")
    mse: float = Field(gt=0, description="energy at which the shape is optimised, squared luma levels")
    measure_every: int = Field(ge=1, description="iterations between two butteraugli maps")


class JndLabels(LabelSettings):
    """How many crops of each split get a label, and how it is made."""

    train_crops: int = Field(ge=1)
    val_crops: int = Field(ge=1)


class Refinement(Strict):
    """The second stage, through the judges."""

    epochs: int = Field(ge=0, description="0: none")
    steps: int = Field(ge=1, description="batches of an epoch")
    regions: int = Field(ge=1, description="regions of the largest size in a batch, or as many pixels of smaller ones")
    learning_rate: float = Field(gt=0)


class JudgeWeights(Strict):
    """What each judge's word is worth in the refinement.

    Logarithms, so that an easy photo's gain counts as much as a hard one's of the same proportion.
    """

    ssimulacra2_weight: float = Field(ge=0, description="logarithm of what is missing from 100")
    butteraugli_weight: float = Field(ge=0, description="logarithm of the 3-norm")
    ssim_weight: float = Field(ge=0, description="a rise of SSIM by 1")
    floor_weight: float = Field(ge=0, description="mean over pixels of each e-fold below the floor")
    floor: float = Field(gt=0, description="least amplitude, as a share of the root mean square")
    ceiling_weight: float = Field(ge=0, description="the same above the ceiling")
    ceiling: float = Field(gt=0, description="most amplitude, as a share of the root mean square")
    unit_weight: float = Field(ge=0, description="squared logarithm of the 3-norm at gamma = 1")
    baseline_weight: float = Field(
        ge=0,
        description="logarithm of the 3-norm over that of local contrast, where above: no judge pays for another",
    )


class JndConfig(ExperimentConfig):
    """``fit`` is the first stage, on labels."""

    name: str = "jnd"
    labels: JndLabels
    refinement: Refinement
    judges: JudgeWeights
