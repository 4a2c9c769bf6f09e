"""A service of each mode, and a study of two photos on it."""

from collections.abc import Iterator

import pytest

from tests.assets.service_process import ServiceProcess
from tests.assets.study_people import Organiser, soft_shapes


@pytest.fixture(scope="module")
def service(redis_url: str | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    folder = tmp_path_factory.mktemp("service")
    with ServiceProcess(folder, redis_url=redis_url, blob_dir=folder / "blobs", study_limit=100) as running:
        yield running


@pytest.fixture(scope="module")
def study(service: ServiceProcess) -> Organiser:
    """A study of two photos, ready; the second is asked for two JNDs."""
    made = Organiser(service.client, method="bisection", jnds=2)
    for seed in (1, 2):
        assert made.add(soft_shapes(seed), name=f"wave {seed}").status_code == 202
    made.wait_until_ready()
    return made
