"""Each paper's optimiser, with its numbers, in preset ``paper``; AdamW along a cosine in ``lite``."""

from pathlib import Path

import pytest
import torch
from torch import nn

from training.experiments.configs import CONFIG_OF
from training.run.config import FitConfig, WarmRestart, load_config
from training.run.optimiser import LAST_SHARE, build_optimiser, clip_gradients

PUBLISHED = {
    "sur": (torch.optim.Adam, 1e-5, 0.0, (0.9, 0.999)),
    "jnd": (torch.optim.Adam, 1e-5, 0.0, (0.9, 0.9)),
    "patch_quality": (torch.optim.Adam, 1e-3, 0.0, (0.9, 0.999)),
    "dipqa": (torch.optim.Adam, 5e-4, 0.0, (0.9, 0.999)),
    "quality_score": (torch.optim.Adam, 1e-3, 0.0, (0.9, 0.999)),
    "full_reference": (torch.optim.SGD, 1e-3, 1e-7, 0.9),
}


@pytest.mark.parametrize("name", CONFIG_OF)
def test_preset_paper_learns_as_published(name: str, tmp_path: Path) -> None:
    kind, rate, decay, inertia = PUBLISHED[name]
    fit = load_config(CONFIG_OF[name], data=tmp_path, work=tmp_path, preset="paper").fit
    network = nn.Linear(1, 1)
    optimiser, schedule = build_optimiser(network, fit)
    assert type(optimiser) is kind
    (group,) = optimiser.param_groups
    assert (group["lr"], group["weight_decay"]) == (rate, decay)
    assert group.get("betas", group.get("momentum")) == inertia
    for _ in range(fit.epochs):
        optimiser.step()
        schedule.step()
    assert group["lr"] == rate
    network.weight.grad = torch.full((1, 1), 100.0)
    clip_gradients(network, fit)
    assert float(network.weight.grad) == 100


def test_preset_lite_falls_along_a_cosine_and_clips() -> None:
    fit = FitConfig(epochs=4, batch_size=1, learning_rate=0.1)
    network = nn.Linear(1, 1)
    optimiser, schedule = build_optimiser(network, fit)
    assert type(optimiser) is torch.optim.AdamW
    for _ in range(fit.epochs):
        optimiser.step()
        schedule.step()
    assert optimiser.param_groups[0]["lr"] == pytest.approx(0.1 * LAST_SHARE)
    network.weight.grad = torch.full((1, 1), 100.0)
    clip_gradients(network, fit)
    assert float(network.weight.grad) == pytest.approx(1, abs=1e-4)


def test_a_warm_restart_begins_at_its_own_rate_and_falls_over_its_own_epochs() -> None:
    again = (WarmRestart(epochs=2, learning_rate=0.05), WarmRestart(epochs=3, learning_rate=0.02))
    fit = FitConfig(epochs=4, batch_size=1, learning_rate=0.1, warm_restarts=again)
    assert fit.all_epochs == 9
    falls = [fit.fall_of(epoch) for epoch in range(9)]
    assert falls == [(0, 4, 0.1)] * 4 + [(4, 2, 0.05)] * 2 + [(6, 3, 0.02)] * 3
    optimiser, schedule = build_optimiser(nn.Linear(1, 1), fit, 4)
    assert optimiser.param_groups[0]["lr"] == 0.05
    for _ in range(2):
        optimiser.step()
        schedule.step()
    assert optimiser.param_groups[0]["lr"] == pytest.approx(0.05 * LAST_SHARE)
