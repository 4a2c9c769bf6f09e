"""A result of the quality score, for tests to which it matters only that there is one."""

from workers.contracts import QualityScoreResult

FIGURES = QualityScoreResult(
    height=4,
    width=4,
    source_format="PNG",
    bit_depth=8,
    warnings=[],
    mos=50.0,
    scale="mos 0..100",
    higher_is_better=True,
    patchnet_mean=0.5,
    fish_mean=0.1,
    fish=0.2,
)
