"""One process for each device: two, that ``torchrun`` starts, learn what one learns."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import json
import sys
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import TensorDataset

from training.run.config import ExperimentConfig, FitConfig
from training.run.fit import fit_network, load_history

work = Path(sys.argv[1])
fit = FitConfig(epochs=3, batch_size=8, learning_rate=0.05, checkpoint_minutes=0)
config = ExperimentConfig(name="line", fit=fit, data=work, work=work)
x = torch.linspace(-1, 1, 32)[:, None]
torch.manual_seed(0)
network = fit_network(
    nn.Linear(1, 1),
    TensorDataset(x, 3 * x + 1),
    TensorDataset(x, 3 * x + 1),
    lambda model, batch: nn.functional.mse_loss(model(batch[0]), batch[1]),
    config,
)
print(json.dumps([network.weight.item(), network.bias.item(), *load_history(config)]) + chr(10), end="", flush=True)
"""


@pytest.mark.slow
def test_two_processes_learn_what_one_learns(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    found = []
    for name, start in (("one", [sys.executable]), ("two", torchrun)):
        command = [*start, str(program), str(tmp_path / name)]
        answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert answer.returncode == 0, answer.stderr
        found.append([json.loads(line) for line in answer.stdout.splitlines() if line.startswith("[")])
    (one,), both = found
    assert len(both) == 2
    for values in both:
        assert values[:2] == pytest.approx(one[:2], rel=1e-4)
        for losses, expected in zip(values[2:], one[2:], strict=True):
            assert losses == pytest.approx(expected, rel=1e-3)
