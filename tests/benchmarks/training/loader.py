"""How fast KADIS-700k's pairs reach a network: the loader alone, beside one process that also makes the labels.

``python -m tests.benchmarks.training.loader [--pairs 1000] [--processes 2] [--keep FOLDER]``

Drawn pairs in KADIS-700k's form stand for it: 512x384, references as PNG, versions as BMP. ``reads and judges`` is how
the pairs came before: one process decodes both, computes MDSI and turns bytes into floats, in every epoch. Labels are
now made once, over processes. CPU use is that of all processes, in processors. Memory is what this process and the
workers together have in memory, their shared pages counted once, at the end of the first and of the last epoch.
"""

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from models.types import Rgb8
from tests.benchmarks.machine import describe_machine
from training.data.kadid import LEVELS, read_kadis700k
from training.data.photos import load_photo
from training.data.records import DistortedPair
from training.distort.codecs import jpeg_420
from training.experiments.sur.kadis import kadis_pairs, mdsi_scores
from training.metrics.classical import CLASSICAL
from training.run.batches import training_batches
from training.run.config import FitConfig
from training.run.processes import Processes

ROWS, COLUMNS, BATCH, EPOCHS = 384, 512, 16, 3


class ReadAndJudged(Dataset[tuple[Any, Any, Any]]):
    """A pair and its MDSI, made when asked for."""

    def __init__(self, pairs: list[DistortedPair]) -> None:
        self.pairs = pairs

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[Any, Any, Any]:
        first, second = (load_photo(path) for path in (self.pairs[index].reference, self.pairs[index].distorted))
        one, other = (torch.from_numpy(side.copy()).movedim(-1, 0).float() / 255 for side in (first, second))
        return one, other, torch.tensor(CLASSICAL["mdsi"](first, second))


def main() -> None:
    """Print pairs a second, CPU use and memory of each way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--keep", type=Path, help="where the drawn pairs and labels go and are found again")
    options = parser.parse_args()
    print(describe_machine())
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        root = options.keep or Path(folder)
        make_pairs(root / "kadis", -(-options.pairs // len(LEVELS)))
        pairs = read_kadis700k(root / "kadis")[: options.pairs]
        some = pairs[: max(BATCH, options.pairs // 10)]
        before = report("reads and judges", DataLoader(ReadAndJudged(some), BATCH, shuffle=True), 1)
        started = time.perf_counter()
        scores = mdsi_scores(pairs, root)
        print(f"labels, once: {len(pairs) / (time.perf_counter() - started):.0f} pairs/s (kept ones count too)")
        items = kadis_pairs(pairs, scores)
        for workers in (0, options.processes):
            fit = FitConfig(epochs=1, batch_size=BATCH, learning_rate=1, workers=workers)
            loader, _ = training_batches(items, fit, 0, Processes(0, 1, torch.device("cpu")))
            now = report(f"loader, {workers} workers", loader, EPOCHS)
            print(f"  {now / before:.1f} times as many")
        print(f"decoding alone, one process: {decoding(pairs):.0f} pairs/s, the most that a processor gives a loader")


def make_pairs(root: Path, sources: int) -> None:
    """Smooth drawn photos with noise, about as large as photographs in PNG, and JPEGs of them; nothing twice."""
    table = root / "kadis700k_ref_imgs.csv"
    if table.is_file() and len(table.read_text().splitlines()) == sources + 1:
        return
    for folder in ("ref_imgs", "dist_imgs"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for source in range(sources):
        rng = np.random.default_rng(source)
        photo = drawn(rng)
        save(root / "ref_imgs" / f"{source}.png", photo)
        for level in LEVELS:
            save(root / "dist_imgs" / f"{source}_10_{level:02d}.bmp", jpeg_420(photo, 60.0 + 8 * level, rng))
    table.write_text("ref_im,dist_type\n" + "".join(f"{source}.png,10\n" for source in range(sources)))


def drawn(rng: np.random.Generator) -> Rgb8:
    """(384, 512, 3)."""
    coarse = torch.from_numpy(rng.uniform(0, 255, (1, 3, ROWS // 16, COLUMNS // 16)).astype(np.float32))
    smooth = torch.nn.functional.interpolate(coarse, size=(ROWS, COLUMNS), mode="bicubic")[0].movedim(0, -1).numpy()
    return np.clip(smooth + rng.normal(0, 3, smooth.shape), 0, 255).astype(np.uint8)


def save(path: Path, photo: Rgb8) -> None:
    """By its suffix."""
    from PIL import Image

    Image.fromarray(photo).save(path)


def report(name: str, loader: DataLoader[Any], epochs: int) -> float:
    """Run a loader's epochs, print what they cost, and return pairs a second of the last one."""
    memory: list[float] = []
    for _ in range(epochs):
        started, cpu = time.perf_counter(), cpu_seconds()
        count = sum(len(batch[2]) for batch in loader)
        wall = time.perf_counter() - started
        used = cpu_seconds() - cpu
        memory.append(memory_mb())
    print(
        f"{name}: {count / wall:.0f} pairs/s with {used / wall:.2f} processors, {1000 * used / count:.1f} ms of one a "
        f"pair, {memory[0]:.0f} then {memory[-1]:.0f} MB ({count} pairs)"
    )
    return count / wall


def processes() -> Iterator[Path]:
    """Folders in /proc of this process and its children."""
    own = str(os.getpid())
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = (folder / "stat").read_text().rsplit(")", 1)[1].split()[1]
        except OSError:
            continue
        if own in (folder.name, parent):
            yield folder


def cpu_seconds() -> float:
    """Of this process and its children, those that have ended too."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    ticks = 0
    for folder in processes():
        times = (folder / "stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(times[11]) + int(times[12])
    return ticks / os.sysconf("SC_CLK_TCK") + ended.ru_utime + ended.ru_stime


def memory_mb() -> float:
    """Proportional set size of this process and its children."""
    total = 0
    for folder in processes():
        lines = (folder / "smaps_rollup").read_text().splitlines()
        total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def decoding(pairs: list[DistortedPair]) -> float:
    """Pairs a second that one process decodes and does nothing with."""
    some = pairs[: min(len(pairs), 200)]
    started = time.perf_counter()
    for pair in some:
        load_photo(pair.reference)
        load_photo(pair.distorted)
    return len(some) / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
