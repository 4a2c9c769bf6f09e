"""What comes back: figures as the API has them, and the bytes of files."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workers.contracts import JndMapResult, VarJpegResult

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Encoded:
    """A file in ``data``, and all ``figures`` of it."""

    data: bytes
    figures: VarJpegResult

    @property
    def sur(self) -> float | None:
        """Share of viewers predicted to see no difference, 0..1."""
        return self.figures.sur

    @property
    def quality(self) -> float:
        """JPEG quality, 1..100."""
        return self.figures.quality

    @property
    def warnings(self) -> list[str]:
        """What was lost or assumed, in plain words."""
        return self.figures.warnings


@dataclass(frozen=True, slots=True)
class JndMap:
    """Visibility thresholds in 8-bit luma levels: 16-bit ``png`` in units of 1 / ``figures.png_scale``, and ``npz``."""

    png: bytes
    npz: bytes
    figures: JndMapResult

    @property
    def values(self) -> "NDArray[np.float32]":
        """The map itself, float32 (H, W); needs numpy."""
        import io

        import numpy as np

        with np.load(io.BytesIO(self.npz)) as arrays:
            values: NDArray[Any] = arrays["values"]
        return values
