"""torchvision's networks on a torch built without its operators: the one module that imports ``torchvision.models``.

torchvision registers shape rules for its operators ``nms`` and ``qnms`` on import and fails where its compiled half
does not load, as beside a CPU-only torch from PyPI. With the two schemas defined, the Python half, which holds every
classification network, can be imported; the operators stay unusable. Import this module before any package that
imports torchvision (``piq`` does).
"""

import torch

NMS_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def _define_missing_operators() -> torch.library.Library:
    """The library must stay alive as long as the definitions."""
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            library.define(name + NMS_SCHEMA)  # type: ignore[no-untyped-call]
    return library


try:
    from torchvision import models
except RuntimeError:
    OPERATORS = _define_missing_operators()
    from torchvision import models

__all__ = ["models"]
