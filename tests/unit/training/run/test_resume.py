"""A fit is its inputs: one that was stopped gives the losses of one that was not, and other inputs are refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from training.run import fingerprint as inputs
from training.run.config import ExperimentConfig, FitConfig
from training.run.errors import NoStepsError, NotFiniteError, OtherInputsError
from training.run.fit import fit_network, load_best, load_history

Loss = Callable[[nn.Module, Any], Tensor]


class Drawn(Dataset[Tensor]):
    """``count`` numbers, each with a random number that is drawn when it is asked for."""

    def __init__(self, count: int = 16) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Tensor:
        return torch.tensor([float(index), float(torch.rand(()))])


class KilledError(Exception):
    """Stands for the end of a process."""


def config(work: Path, restart: bool = False, seed: int = 0, **fit: Any) -> ExperimentConfig:
    numbers = {"epochs": 3, "batch_size": 4, "learning_rate": 0.05, "checkpoint_minutes": 0} | fit
    return ExperimentConfig(name="drawn", fit=FitConfig(**numbers), data=work, work=work, restart=restart, seed=seed)


def network(start: int = 0) -> nn.Module:
    """With dropout, which draws too."""
    torch.manual_seed(start)
    return nn.Sequential(nn.Linear(2, 8), nn.Dropout(0.5), nn.Linear(8, 1))


def square(model: nn.Module, batch: Tensor) -> Tensor:
    loss: Tensor = (model(batch) ** 2).mean()
    return loss


def noting(seen: list[Any], dies_at: int = 10**9) -> Loss:
    """``square``, which notes batch and loss of each step, and dies at one of them."""

    def loss(model: nn.Module, batch: Tensor) -> Tensor:
        value = square(model, batch)
        if model.training:
            if len(seen) == dies_at:
                raise KilledError
            seen.append((batch.flatten().tolist(), float(value.detach())))
        return value

    return loss


def fit(settings: ExperimentConfig, loss: Loss = square, start: int = 0, items: int = 16) -> nn.Module:
    return fit_network(network(start), Drawn(items), Drawn(4), loss, settings)


@pytest.mark.parametrize("steps", [1, 4, 6])
def test_straight_and_interrupted_fits_give_equal_losses(tmp_path: Path, steps: int) -> None:
    """Stopped in the middle of an epoch and at its end: the same batches, dropout, losses and weights."""
    straight: list[Any] = []
    expected = fit(config(tmp_path / "straight"), noting(straight))
    stopped: list[Any] = []
    with pytest.raises(KilledError):
        fit(config(tmp_path / "stopped"), noting(stopped, steps))
    again: list[Any] = []
    found = fit(config(tmp_path / "stopped"), noting(again))
    assert len(straight) == 12
    assert stopped + again == straight
    assert load_history(config(tmp_path / "stopped")) == load_history(config(tmp_path / "straight"))
    for one, other in zip(expected.parameters(), found.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("steps", [3, 8, 10, 12])
def test_a_fit_with_warm_restarts_goes_on_as_if_it_had_not_stopped(tmp_path: Path, steps: int) -> None:
    """Stopped in each fall of the learning rate, and between two of them."""
    again = [{"epochs": 1, "learning_rate": 0.04}, {"epochs": 1, "learning_rate": 0.03}]
    straight: list[Any] = []
    settings = config(tmp_path / "straight", epochs=2, warm_restarts=again)
    expected = fit(settings, noting(straight))
    stopped: list[Any] = []
    settings = config(tmp_path / "stopped", epochs=2, warm_restarts=again)
    with pytest.raises(KilledError):
        fit(settings, noting(stopped, steps))
    fit(settings, noting(stopped))
    assert len(straight) == 16
    assert stopped == straight
    for one, other in zip(expected.parameters(), fit(settings).parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_warm_restart_goes_on_from_the_best_weights(tmp_path: Path) -> None:
    """A first fall that only spoils: the second begins where the first was at its best, after one epoch."""
    settings = config(tmp_path, epochs=3, learning_rate=0.5, warm_restarts=[{"epochs": 1, "learning_rate": 1e-9}])
    worse = iter([1.0, 2.0, 3.0, 4.0])

    def loss(model: nn.Module, batch: Tensor) -> Tensor:
        value = square(model, batch)
        return value if model.training else value * 0 + next(worse)

    seen: list[Tensor] = []

    def watching(model: nn.Module, batch: Tensor) -> Tensor:
        if model.training and len(seen) < 13:
            seen.append(next(model.parameters()).detach().clone())
        return loss(model, batch)

    fit(settings, watching)
    assert torch.equal(seen[12], seen[4])  # the first weights of the last fall are those after the first epoch
    assert not torch.equal(seen[12], seen[8])


def test_processes_that_make_batches_change_no_loss(tmp_path: Path) -> None:
    losses = []
    for workers in (0, 2):
        settings = config(tmp_path / str(workers), workers=workers)
        fit(settings)
        losses.append(load_history(settings))
    assert losses[0] == losses[1]


def test_without_its_time_a_checkpoint_waits_for_the_end_of_the_epoch(tmp_path: Path) -> None:
    settings = config(tmp_path, checkpoint_minutes=60)
    with pytest.raises(KilledError):
        fit(settings, noting([], 6))
    again: list[Any] = []
    fit(settings, noting(again))
    assert len(again) == 8  # two epochs of four


def test_a_fit_to_its_end_is_not_done_twice_and_keeps_the_weights_alone(tmp_path: Path) -> None:
    first = fit(config(tmp_path))
    again: list[Any] = []
    second = fit(config(tmp_path), noting(again))
    assert again == []
    assert torch.equal(next(first.parameters()), next(second.parameters()))
    assert torch.load(config(tmp_path).checkpoints / "checkpoint.pt", weights_only=True)["states"] is None


def test_fewer_epochs_do_not_poison_the_next_run(tmp_path: Path) -> None:
    """The learning rate of one epoch of one is not that of one epoch of three."""
    fit(config(tmp_path, epochs=1))
    with pytest.raises(OtherInputsError, match=r"fit\.epochs was 1 and is 3"):
        fit(config(tmp_path))
    fit(config(tmp_path, restart=True))
    fit(config(tmp_path / "fresh"))
    assert load_history(config(tmp_path)) == load_history(config(tmp_path / "fresh"))


def test_other_start_weights_are_not_reported_as_the_old_network(tmp_path: Path) -> None:
    """As when ImageNet weights are added after a run."""
    old = fit(config(tmp_path))
    with pytest.raises(OtherInputsError, match="other inputs: start"):
        fit(config(tmp_path), start=1)
    new = fit(config(tmp_path, restart=True), start=1)
    assert not torch.equal(next(old.parameters()), next(new.parameters()))


def test_other_data_and_another_seed_are_refused(tmp_path: Path) -> None:
    fit(config(tmp_path))
    with pytest.raises(OtherInputsError, match="train"):
        fit(config(tmp_path), items=17)
    with pytest.raises(OtherInputsError, match="seed was 0 and is 1"):
        fit(config(tmp_path, seed=1))


def test_other_code_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fit(config(tmp_path))
    monkeypatch.setattr(inputs, "code_digest", lambda: "changed")
    with pytest.raises(OtherInputsError, match="code"):
        fit(config(tmp_path))


def test_what_only_goes_faster_is_no_other_input(tmp_path: Path) -> None:
    with pytest.raises(KilledError):
        fit(config(tmp_path), noting([], 5))
    fit(config(tmp_path, workers=1, checkpoint_minutes=5))


def test_a_checkpoint_of_before_fingerprints_is_refused_and_a_restart_leaves_nothing_of_it(tmp_path: Path) -> None:
    folder = config(tmp_path).checkpoints
    folder.mkdir()
    torch.save({"network": {}, "state": {"epoch": 2}}, folder / "checkpoint.pt")
    (folder / "best.pt").write_bytes(b"old")
    with pytest.raises(OtherInputsError):
        fit(config(tmp_path))
    with pytest.raises(KilledError):
        fit(config(tmp_path, restart=True), noting([], 0))
    assert sorted(path.name for path in folder.iterdir()) == ["run.json"]
    with pytest.raises(FileNotFoundError):
        load_best(network(), config(tmp_path))


def test_no_checkpoint_is_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KilledError):
        fit(config(tmp_path), noting([], 5))
    whole = (config(tmp_path).checkpoints / "checkpoint.pt").read_bytes()

    def torn(content: Any, path: Path) -> None:
        path.write_bytes(b"half")
        raise KilledError

    monkeypatch.setattr(torch, "save", torn)
    with pytest.raises(KilledError):
        fit(config(tmp_path))
    assert (config(tmp_path).checkpoints / "checkpoint.pt").read_bytes() == whole


def test_nothing_to_learn_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NoStepsError, match="3 items do not make one batch of 4"):
        fit(config(tmp_path), items=3)
    with pytest.raises(NoStepsError, match="validation"):
        fit_network(network(), Drawn(), Drawn(0), square, config(tmp_path))


def test_a_loss_that_is_no_number_ends_the_fit_and_is_not_kept(tmp_path: Path) -> None:
    def broken(model: nn.Module, batch: Tensor) -> Tensor:
        return square(model, batch) * (float("nan") if model.training else 1)

    with pytest.raises(NotFiniteError, match="epoch 1"):
        fit(config(tmp_path), broken)
    assert not (config(tmp_path).checkpoints / "checkpoint.pt").exists()


def test_a_batch_in_parts_has_the_gradient_of_the_whole(tmp_path: Path) -> None:
    def plain(model: nn.Module, batch: Tensor) -> Tensor:
        return square(model, batch)

    found = []
    for parts in (1, 3):
        torch.manual_seed(0)
        settings = config(tmp_path / str(parts), batch_parts=parts)
        found.append(fit_network(nn.Linear(2, 1), Drawn(), Drawn(4), plain, settings))
    for one, other in zip(*(network.parameters() for network in found), strict=True):
        torch.testing.assert_close(one, other)
