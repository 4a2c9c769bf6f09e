"""How well predictions stand for opinions: rank and linear correlation, the logistic between them, ROC-AUC."""

import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats
from torch import Tensor

Floats = NDArray[np.float64]


def agreement(predicted: Floats, opinion: Floats) -> dict[str, float]:
    """SROCC, and PLCC after the four-parameter logistic (VQEG 2003) that the papers use."""
    return {
        "srocc": round(float(stats.spearmanr(predicted, opinion).statistic), 4),
        "plcc": round(float(np.corrcoef(logistic_fit(predicted, opinion)(predicted), opinion)[0, 1]), 4),
    }


def logistic_fit(predicted: Floats, opinion: Floats) -> Callable[[Floats], Floats]:
    """The four-parameter logistic that maps predictions to opinions best; the straight line where the fit fails, level
    where all predictions are equal."""

    def curve(x: Floats, top: float, bottom: float, middle: float, slope: float) -> Floats:
        return np.asarray(bottom + (top - bottom) / (1 + np.exp(-np.clip((x - middle) / slope, -50, 50))))

    start = (float(opinion.max()), float(opinion.min()), float(np.median(predicted)), float(predicted.std() + 1e-9) / 2)
    try:
        with warnings.catch_warnings():
            # Only the curve is wanted, not how sure its parameters are.
            warnings.simplefilter("ignore", optimize.OptimizeWarning)
            fitted, _ = optimize.curve_fit(curve, predicted, opinion, p0=start, maxfev=20000)
    except (RuntimeError, TypeError):  # no convergence; fewer points than parameters
        line = np.polyfit(predicted, opinion, int(np.ptp(predicted) > 0))
        return lambda x: np.asarray(np.polyval(line, x))
    return lambda x: curve(x, *fitted)


def roc_auc(good: NDArray[np.floating], bad: NDArray[np.floating]) -> float:
    """Probability that a good value exceeds a bad one, ties counted half, of values of any shape."""
    return float(stats.mannwhitneyu(good.ravel(), bad.ravel()).statistic / (good.size * bad.size))


def batch_correlation(predicted: Tensor, truth: Tensor) -> Tensor:
    """Pearson correlation () over a batch (N,), what several losses take from one; 0 where nothing varies."""
    centred = [values - values.mean() for values in (predicted, truth)]
    correlation: Tensor = (centred[0] * centred[1]).sum() / (centred[0].norm() * centred[1].norm() + 1e-6)
    return correlation
