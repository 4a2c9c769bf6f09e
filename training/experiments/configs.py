"""The configuration of each experiment by its name on the command line; imports no network."""

from training.experiments.full_reference.config import FullReferenceConfig
from training.experiments.jnd.config import JndConfig
from training.experiments.quality.config import DipqaConfig, PatchQualityConfig, QualityScoreConfig
from training.experiments.sur.config import SurConfig
from training.run.config import ExperimentConfig

CONFIG_OF: dict[str, type[ExperimentConfig]] = {
    "sur": SurConfig,
    "jnd": JndConfig,
    "patch_quality": PatchQualityConfig,
    "dipqa": DipqaConfig,
    "quality_score": QualityScoreConfig,
    "full_reference": FullReferenceConfig,
}
