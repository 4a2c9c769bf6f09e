"""A service, and a browser that complains of nothing and asks nobody else."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.assets.browser import Browser
from tests.assets.service_process import ServiceProcess


@pytest.fixture(scope="module")
def service(redis_url: str | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with ServiceProcess(tmp_path_factory.mktemp("study-page"), redis_url=redis_url) as running:
        yield running


@pytest.fixture
def browser(chromium: str, tmp_path: Path, service: ServiceProcess) -> Iterator[Browser]:
    with Browser(chromium, tmp_path / "profile", width=1440, height=900) as opened:
        yield opened
        assert opened.complaints == []
        assert all(address.startswith((service.url, "blob:", "data:", "about:")) for address in opened.requested)
