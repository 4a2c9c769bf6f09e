"""Satisfied user ratio: the curve, who looks, and the network that predicts it. Other programs import these names."""

from models.sur.gev import GevParameters, bhattacharyya_distance, fit_gev, percent_jnd, percent_sur, sur_curve
from models.sur.reference import SurReference

__all__ = [
    "GevParameters",
    "SurReference",
    "bhattacharyya_distance",
    "fit_gev",
    "percent_jnd",
    "percent_sur",
    "sur_curve",
]
