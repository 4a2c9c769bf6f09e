"""The choices that VarJPEG's options leave, by name: the standard library alone, so that help waits for nothing."""

from typing import Literal

Format = Literal["jpeg", "varjpeg"]
"""``jpeg``: any decoder opens it. ``varjpeg``: the thesis' container, needs ``decode_varjpeg``."""

Steering = Literal["jnd", "patchnet", "none"]
"""What says where errors show in ``format=jpeg``: the JND map, the thesis' salience by Patchnet, or nothing."""

Metric = Literal["ssimulacra2", "butteraugli"]
"""``ssimulacra2``: 100 for equal pixels, higher is better, 90 hardly visible, 70 good. ``butteraugli``: 3-norm of the
distance map at 80 nits, 0 for equal pixels, lower is better, 1 about the threshold."""

MetadataPolicy = Literal["keep-icc", "keep-all", "strip"]
"""The colour profile alone; all else too, never the place; nothing."""

ChromaSubsampling = Literal["auto", "420", "444"]
"""Resolution of chroma: chosen per photo, half, full."""

DEFAULT_TARGET_SUR = 0.75
"""The share that SUR-FeatNet and VideoSet report, p = 75."""
PlainCodec = Literal["jpeg", "jpegli", "webp", "avif"]
"""Encoders of others, to compare with: libjpeg-turbo, jpegli, libwebp, libavif."""
