"""The name by which other programs import SSIMULACRA2, which lives in ``models.metrics.ssimulacra2``."""

from models.metrics.ssimulacra2 import Ssimulacra2Reference

__all__ = ["Ssimulacra2Reference"]
