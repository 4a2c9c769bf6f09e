"""VarJPEG: the smallest standard JPEG of a photo for a share of its viewers, and the thesis' container.

``optimise`` is the whole of it. One file per stage: ``tables``, ``visibility`` and ``rate_distortion`` make up
``photo`` (``format=jpeg``), which ``models.jpeg`` writes and ``models.metadata`` describes; ``recompress`` does the
same on the coefficients of a JPEG, ``lossless`` gives it back as it came; ``targets`` says what a file has to reach,
``search`` looks for its setting; ``salience`` and ``container`` are ``format=varjpeg``.
"""

from models.metadata.carried import Metadata
from models.varjpeg.container import decode_varjpeg, encode_varjpeg
from models.varjpeg.photo import Encoded, PreparedPhoto, Subsampling, encode_jpeg
from models.varjpeg.search import Encoder, Goal, Judgement, SearchResult, Trial, search_goal, search_max_bytes
from models.varjpeg.warm_up import warm_up

__all__ = [
    "Encoded",
    "Encoder",
    "Goal",
    "Judgement",
    "Metadata",
    "PreparedPhoto",
    "SearchResult",
    "Subsampling",
    "Trial",
    "decode_varjpeg",
    "encode_jpeg",
    "encode_varjpeg",
    "search_goal",
    "search_max_bytes",
    "warm_up",
]
