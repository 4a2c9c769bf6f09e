"""The programs of app/clients.md do what they say, as they stand there, but for the address of the service."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.assets.photos import scene_png
from tests.assets.service_process import ServiceProcess

pytestmark = pytest.mark.slow
DOCUMENT = (Path(__file__).parents[3] / "app" / "clients.md").read_text()
DJANGO = """
import io, json, sys
import django
from django.conf import settings
settings.configure(MEDIA_ROOT=sys.argv[2], SECRET_KEY="k", DEFAULT_CHARSET="utf-8")
django.setup()
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import RequestFactory
from view import upload
for name in ("photo.png", "text.txt"):
    photo = SimpleUploadedFile(name, open(name, "rb").read())
    reply = upload(RequestFactory().post("/", {"photo": photo}))
    print(reply.status_code, reply.content.decode())
"""


def block(heading: str, language: str) -> str:
    """The one block of that language under a heading."""
    section = DOCUMENT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    found = re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)
    assert len(found) == 1
    return str(found[0])


def program(heading: str, language: str, url: str) -> str:
    """Such a block, for the service at ``url``."""
    found = block(heading, language)
    assert "http://localhost:8000" in found
    return found.replace("http://localhost:8000", url)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with ServiceProcess(tmp_path_factory.mktemp("service")) as running:
        yield running.url


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a photo, and a text."""
    (tmp_path / "photo.png").write_bytes(scene_png())
    (tmp_path / "text.txt").write_text("no photo")
    return tmp_path


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_python(folder: Path, url: str) -> None:
    (folder / "use.py").write_text(program("Python", "python", url))
    lines = run(folder, sys.executable, "use.py").splitlines()
    made = (folder / "photo.jpg").read_bytes()
    assert made.startswith(b"\xff\xd8")
    assert lines[0].split()[1:] == ["0.75", str(len(made))]
    assert len(lines) == 4


def test_django(folder: Path, url: str) -> None:
    (folder / "view.py").write_text(program("Django", "python", url))
    (folder / "use.py").write_text(DJANGO)
    good, bad = run(folder, sys.executable, "use.py", "-", str(folder / "media")).splitlines()
    assert good.startswith("200 ")
    assert (folder / "media" / "photo.jpg").read_bytes().startswith(b"\xff\xd8")
    assert bad.startswith("422 ")
    assert "This is text" in bad


def test_node(folder: Path, url: str) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs the program node")
    (folder / "use.mjs").write_text(program("Node", "js", url))
    assert run(folder, node, "use.mjs").startswith("0.75 ")
    assert (folder / "photo.jpg").read_bytes().startswith(b"\xff\xd8")


def test_php(folder: Path, url: str) -> None:
    php = shutil.which("php")
    if php is None or "curl" not in run(folder, php, "-m").split():
        pytest.skip("needs the program php with its extension curl")
    (folder / "use.php").write_text(program("PHP", "php", url))
    assert run(folder, php, "use.php") == f"{len((folder / 'photo.jpg').read_bytes())}\n"
    assert (folder / "photo.jpg").read_bytes().startswith(b"\xff\xd8")


def test_dask(folder: Path) -> None:
    (folder / "bucket.py").write_text(block("Dask", "python"))
    source, target = folder / "in", folder / "out"
    for name in ("a/photo.png", "done.png", "text.txt"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / ("text.txt" if name == "text.txt" else "photo.png"), source / name)
    target.mkdir()
    (target / "done.png.jpg").write_bytes(b"as it is")
    said = run(folder, sys.executable, "bucket.py", source.as_uri(), target.as_uri()).splitlines()
    assert sorted(line.split()[0] for line in said) == ["a/photo.png", "text.txt"]
    assert "text.txt image-type-unsupported" in said
    assert (target / "a" / "photo.png.jpg").read_bytes().startswith(b"\xff\xd8")
    assert (target / "done.png.jpg").read_bytes() == b"as it is"
