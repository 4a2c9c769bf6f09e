"""The colour conversions of training, in torch: what a network holds inside its graph and what teachers see.

Beside a photo's own pixels in numpy stand ``models.colour`` and, in float64, ``training.distort.pixels``.
"""

YCBCR = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
"""BT.601 full range to Y, Cb, Cr, as JFIF prints it (T.871 section 7); the rows of Cb and Cr sum to zero."""
