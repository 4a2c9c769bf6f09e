"""The optimisers and learning rates of the papers, and those that preset ``lite`` is fitted by."""

import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, LRScheduler

from training.run.config import FitConfig

LAST_SHARE = 1 / 50
"""Of the learning rate, at the end of a cosine."""


def build_optimiser(network: nn.Module, fit: FitConfig, epoch: int = 0) -> tuple[Optimizer, LRScheduler]:
    """As ``fit`` names it, at the beginning of the fall of the learning rate that ``epoch`` lies in.

    With Adam and momentum SGD weight decay is a part of the gradient, as published.
    """
    _, epochs, rate = fit.fall_of(epoch)
    parameters, decay = network.parameters(), fit.weight_decay
    optimiser: Optimizer
    match fit.optimiser:
        case "adamw":
            optimiser = AdamW(parameters, rate, betas=fit.betas, weight_decay=decay)
        case "adam":
            optimiser = Adam(parameters, rate, betas=fit.betas, weight_decay=decay)
        case "sgd":
            optimiser = SGD(parameters, rate, momentum=fit.betas[0], weight_decay=decay)
    if fit.falls:
        return optimiser, CosineAnnealingLR(optimiser, epochs, eta_min=rate * LAST_SHARE)
    return optimiser, LambdaLR(optimiser, lambda _: 1.0)


def clip_gradients(network: nn.Module, fit: FitConfig) -> None:
    """To a norm of 1 over all weights, where ``fit`` says so."""
    if fit.clips:
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
