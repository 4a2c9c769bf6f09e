"""Every table and figure of the papers that has a name, made for an epoch from look-alikes of the data sets.

``python -m tests.benchmarks.training.paper_tables [--sources 40] [--preset lite] [--only sur-featnet:table-6]``

Tests do the same with two or three sources; this is for the night. It prints how long each takes, and ends with status
1 where one is not made.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.assets import datasets as look_alikes
from tests.benchmarks.machine import describe_machine
from training.experiments.published import PUBLISHED

SIDE = 192
"""Rows of most images: the least that every rival of the tables takes is 161."""
KONIQ_IMAGES = 20
"""A fifth of which is tested; look-alikes with more have opinions far below any real one."""


def main() -> None:
    """Make the data, then each table by the command that a person runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", type=int, default=40)
    parser.add_argument("--preset", default="lite", choices=("lite", "paper"))
    parser.add_argument("--only", nargs="*", default=list(PUBLISHED), help="PAPER:TABLE")
    options = parser.parse_args()
    print(describe_machine())
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make_sets(root / "sets", options.sources)
        rest = ["--root", str(root / "sets"), "--work", str(root / "work"), "--preset", options.preset, "--epochs", "1"]
        for name in options.only:
            started = time.perf_counter()
            program = str(Path(sys.executable).with_name("limen-train"))
            answer = subprocess.run(
                [program, "reproduce", name, *rest], capture_output=True, text=True, check=False, cwd=Path.cwd()
            )
            last = answer.stderr.strip().splitlines()[-1] if answer.returncode else "made"
            print(f"{name}: {last} in {time.perf_counter() - started:.0f} s", flush=True)
            failed += [name] if answer.returncode else []
    raise SystemExit(1 if failed else 0)


def make_sets(root: Path, sources: int) -> None:
    """Drawn look-alikes of all data sets, in their layouts."""
    qfs = tuple(range(4, 101, 12))
    look_alikes.make_mcl_jci(root / "mcl-jci", sources=sources, qfs=qfs, size=SIDE)
    look_alikes.make_jnd_pano(root / "jnd-pano", sources=sources, qfs=qfs, size=SIDE)
    look_alikes.make_kadis(root / "kadis-700k", sources=sources, size=SIDE)
    look_alikes.make_tid(root / "tid2008", sources=min(sources, 25), distortions=4, levels=4, size=SIDE)
    look_alikes.make_tid(root / "tid2013", sources=min(sources, 25), distortions=4, levels=4, size=SIDE)
    look_alikes.make_live(root / "live", sources=sources, size=SIDE)
    look_alikes.make_csiq(root / "csiq", sources=sources, size=SIDE)
    look_alikes.make_koniq(root / "koniq-10k", images=KONIQ_IMAGES, height=SIDE, width=256)
    look_alikes.make_konpatch(root / "konpatch", sources=sources, patches=60)
    look_alikes.make_shen2020(root / "shen2020", sources=sources)
    for side in (64, 128):
        look_alikes.make_hmii(root / "hmii" / str(side), sources=sources, size=side)


if __name__ == "__main__":
    main()
