"""VarJPEG: the smallest standard JPEG of a photo for a share of its viewers, and the thesis' container.

``optimise`` is the whole of it. One file per stage: ``tables``, ``visibility`` and ``rate_distortion`` make up
``photo`` (``format=jpeg``), which ``models.jpeg`` writes and ``models.metadata`` describes; ``recompress`` does the
same on the coefficients of a JPEG, ``lossless`` gives it back as it came; ``targets`` says what a file has to reach,
``search`` looks for its setting; ``salience`` and ``container`` are ``format=varjpeg``.
"""
