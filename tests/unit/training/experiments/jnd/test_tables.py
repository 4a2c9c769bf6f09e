"""The paper's tables for one step on a look-alike of SHEN2020 and of the photos it is crossed with."""

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the training extra is not installed")

from tests.assets import datasets as made
from training.data.errors import DatasetMissingError
from training.experiments.jnd import experiment
from training.experiments.jnd.config import JndConfig
from training.networks.fpsnet import TABLE_2, TABLE_3
from training.run.config import load_config


@pytest.fixture
def config(tmp_path: Path) -> JndConfig:
    loaded = load_config(JndConfig, data=tmp_path, work=tmp_path / "work", epochs=1)
    return loaded.model_copy(update={"fit": loaded.fit.model_copy(update={"batch_size": 2})})


def test_every_row_of_the_tables_runs_for_one_step(config: JndConfig, tmp_path: Path) -> None:
    made.make_shen2020(tmp_path / "shen2020", sources=4, height=256, width=256)
    made.make_csiq(tmp_path / "csiq", sources=1, size=192)
    tables = experiment.table(config, tmp_path)
    assert set(tables["table_1"]) == {"TestSet", "csiq"}
    assert set(tables["table_1"]["csiq"]) == {"fpsnet", "yang2005", "wu2017", "deviation_1"}
    assert set(tables["table_2"]) == set(TABLE_2)
    assert set(tables["table_3"]) == set(TABLE_3)
    assert tables["table_2"]["all"] == tables["table_3"]["both"]
    assert all(0 < row["psnr"] < 100 for row in tables["table_2"].values())


def test_missing_photos_are_named(config: JndConfig, tmp_path: Path) -> None:
    with pytest.raises(DatasetMissingError, match="SHEN2020"):
        experiment.table(config, tmp_path)
