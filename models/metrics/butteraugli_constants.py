"""The numbers of butteraugli in libjxl v0.7: of ``lib/jxl/butteraugli/butteraugli.cc`` where nothing else is said.

``models.metrics.butteraugli`` computes with them, and ``training.metrics.butteraugli`` for gradients. X is red minus
green, Y bright, B blue.
"""

import math

NITS = 80.0
"""Light of a white screen; what ``butteraugli_main`` assumes unless told."""
SMALLEST = 8
"""A scale with a shorter side is not looked at."""
NORM_POWERS = (3, 6, 12)
"""The norms whose mean is printed as the 3-norm: ``lib/jxl/enc_butteraugli_pnorm.cc``."""
ASYMMETRY = 0.8
"""``hf_asymmetry`` of ``tools/butteraugli_main.cc`` in v0.7 (later versions: 1): a factor on differences in the high
bands, and a divisor of what is lost below or gained above the reference there."""

# OpsinAbsorbance, Gamma, OpsinDynamicsImage: cones, and how they adapt to blurred light.
ABSORBANCE = (
    (0.29956550340058319, 0.63373087833825936, 0.077705617820981968),
    (0.22158691104574774, 0.69391388044116142, 0.0987313588422),
    (0.02, 0.02, 0.20480129041026129),
)
CONE_BIAS = (1.7557483643287353, 1.7557483643287353, 12.226454707163354)
RESPONSE_SCALE, RESPONSE_BIAS, RESPONSE_OFFSET = 19.245013259874995, 9.9710635769299145, -23.16046239805755
LEAST_SENSITIVITY = 1e-4

# ComputeKernel and its callers: standard deviations of the blurs in pixels, and where the Gaussians are cut.
SIGMA_ADAPTATION, SIGMA_ACTIVITY = 1.2, 2.7
SIGMA_LOW, SIGMA_MIDDLE, SIGMA_HIGH = 7.15593339443, 3.22489901262, 1.56416327805
SIGMAS_IN_RADIUS = 2.25

# SeparateFrequencies: scales of X, Y, B in the low band; in the others a core around zero is cut off or doubled.
LOW_SCALES = (32.2217497012, 13.7697791434, 47.504615728)
LOW_Y_TO_B = -0.362267051518
CORE_MIDDLE_X, BOOST_MIDDLE_Y = 0.29, 0.1
CORE_HIGH_X, CORE_ULTRA_X = 1.5, 0.04
SUPPRESSION, SUPPRESSION_FLOOR = 46.0, 0.653020556257
LIMIT_HIGH_Y, LIMIT_ULTRA_Y, SLOPE_ABOVE_LIMIT = 28.4691806922, 5.19175294647, 0.724216145665
GAIN_HIGH_Y, GAIN_ULTRA_Y, BOOST_HIGH_Y = 2.155, 2.69313763794, 0.132

# MaskPsychoImage, Mask, FuzzyErosion, MaskY, MaskDcY (offset, scale, gain).
ACTIVITY_X, ACTIVITY_Y = 2.5, 0.4
ACTIVITY_SCALE, ACTIVITY_BIAS, ACTIVITY_WEIGHT = 6.19424080439, 12.61050594197, 10.0
CALM_DISTANCE, CALM_WEIGHTS = 3, (0.45, 0.3, 0.25)
MASK = (0.829591754942, 0.451936922203, 2.5485944793)
MASK_LOW = (0.20025578522, 3.87449418804, 0.505054525019)
GLOBAL_SCALE = 1 / (17.8 * math.log(80) / math.log(255))

# DiffmapPsychoImage: weight and norm of X and of Y along lines ("Malta"); weights of plain differences of X, Y, B.
MALTA_ULTRA = ((173.5, 5.0), (1.10039032555, 71.7800275169))
MALTA_HIGH = ((6923.99476109, 8051.15833247), (18.7237414387, 4498534.45232))
MALTA_MIDDLE = ((8246.75321353, 1009002.70582), (37.0819870399, 130262059.556))
PLAIN_HIGH = (400.0, 1.50815703118)
PLAIN_MIDDLE = (2150.0, 10.6195433239, 16.2176043152)
PLAIN_LOW = (29.2353797994, 0.844626970982, 0.703646627719)
# MaltaDiffMapT and L2DiffAsymmetric: what is even-handed, what is lost and gained, and where losing and gaining begin.
MALTA_FINE, MALTA_COARSE = 0.39905817637, 0.611612573796
MALTA_EVEN, MALTA_ONE_SIDED, MALTA_LENGTH = 0.5, 0.33, 2 * 3.75 + 1
MALTA_LOST, MALTA_GAINED = 0.55, 1.05
PLAIN_LOST, PLAIN_GAINED, PLAIN_WEIGHT = 0.4, 1.0, 0.8

# AddSupersampled2x: the half-resolution map's weight, and how much of that the full-resolution map loses.
HALF_WEIGHT, HALF_SHARE = 0.5, 0.3

Line = tuple[int, tuple[tuple[int, int], ...]]


def _lines(*halves: str, times: int = 1) -> tuple[Line, ...]:
    pairs = (half.split() for half in halves)
    return tuple((times, tuple((int(x), int(y)) for x, y in (pair.split(",") for pair in half))) for half in pairs)


FINE_LINES = (
    *_lines("-4,0 -3,0 -2,0 -1,0", "0,-4 0,-3 0,-2 0,-1", "-3,-3 -2,-2 -1,-1", "3,-3 2,-2 1,-1"),
    *_lines("1,-4 1,-3 1,-2 0,-1", "-1,-4 -1,-3 -1,-2 0,-1", "-4,-1 -3,-1 -2,-1 -1,0", "-4,1 -3,1 -2,1 -1,0", times=2),
    *_lines("-2,-3 -1,-2 -1,-1", "2,-3 1,-2 1,-1", "-3,-2 -2,-1 -1,-1", "3,-2 2,-1 1,-1"),
)
COARSE_LINES = (
    *_lines("-4,0 -2,0", "0,-4 0,-2", "-3,-3 -2,-2", "3,-3 2,-2", "1,-4 1,-2", "-1,-4 -1,-2", "-4,-1 -2,-1"),
    *_lines("-4,1 -2,1", "-2,-3 -1,-2", "2,-3 1,-2", "-3,-2 -2,-1", "3,-2 2,-1", "-4,2 -2,1", "-4,-2 -2,-1"),
    *_lines("-2,-4 -1,-2", "2,-4 1,-2"),
)
"""MaltaUnit: how often a line counts, and the (x, y) offsets of one half of its pixels; the other half mirrors them
through the pixel in the middle, which belongs to every line."""
