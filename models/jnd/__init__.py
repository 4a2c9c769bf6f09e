"""The JND map: a photo's maps without learning, and what FPSNet makes of them. Other programs import this name."""

from models.jnd.prediction import predict_jnd_map

__all__ = ["predict_jnd_map"]
