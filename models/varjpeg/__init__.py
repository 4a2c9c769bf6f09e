"""VarJPEG: the smallest standard JPEG of a photo for a share of its viewers, and the thesis' container.

One file per stage: ``tables``, ``visibility``, ``rate_distortion``, ``entropy``, ``bitstream`` and ``metadata`` make up
``photo`` (``format=jpeg``); ``search`` looks for its setting; ``salience`` and ``container`` are ``format=varjpeg``.
"""

from models.varjpeg.container import decode_varjpeg, encode_varjpeg
from models.varjpeg.metadata import Metadata
from models.varjpeg.photo import Encoded, PreparedPhoto, Subsampling, encode_jpeg
from models.varjpeg.search import Encoder, SearchResult, Trial, search_max_bytes, search_target_sur
from models.varjpeg.warm_up import warm_up

__all__ = [
    "Encoded",
    "Encoder",
    "Metadata",
    "PreparedPhoto",
    "SearchResult",
    "Subsampling",
    "Trial",
    "decode_varjpeg",
    "encode_jpeg",
    "encode_varjpeg",
    "search_max_bytes",
    "search_target_sur",
    "warm_up",
]
