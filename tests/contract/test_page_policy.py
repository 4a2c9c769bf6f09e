"""What pages may do: only their own files, nothing inline, nothing from elsewhere; headers say so on every reply."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.http.human_pages import PAGE_FOLDER
from app.main import create_app
from app.settings import ApiSettings
from workers.run.celery_app import create_celery

PAGES = ["/", "/study", "/study/0123456789abcdef", "/models", "/models/fpsnet"]
SOURCES = {"'none'", "'self'", "blob:"}
NAMESPACES = {"http://www.w3.org/2000/svg"}
FILES = sorted(path for path in PAGE_FOLDER.rglob("*") if path.suffix in {".html", ".css", ".js", ".svg"})


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = ApiSettings(blob_dir=tmp_path_factory.mktemp("blobs"), access_log=False)
    with TestClient(create_app(settings, celery=create_celery(settings))) as client:
        yield client


def directives(policy: str) -> dict[str, set[str]]:
    return {name: set(sources) for name, *sources in (part.split() for part in policy.split(";"))}


@pytest.mark.parametrize("path", PAGES)
def test_a_page_may_load_and_call_nothing_but_its_own(client: TestClient, path: str) -> None:
    reply = client.get(path)
    assert reply.status_code == 200
    policy = directives(reply.headers["content-security-policy"])
    assert set().union(*policy.values()) <= SOURCES
    assert (
        policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == policy["form-action"] == {"'none'"}
    )
    assert policy["script-src"] == policy["connect-src"] == policy["style-src"] == policy["worker-src"] == {"'self'"}


def test_the_api_page_allows_inline_styles_at_most(client: TestClient) -> None:
    policy = directives(client.get("/docs").headers["content-security-policy"])
    assert [name for name, sources in policy.items() if "'unsafe-inline'" in sources] == ["style-src"]
    assert "'unsafe-eval'" not in set().union(*policy.values())


@pytest.mark.parametrize(
    "path", [*PAGES, "/docs", "/page/js/main.js", "/openapi.json", "/problems/internal", "/nowhere"]
)
def test_every_reply_has_the_security_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert "content-security-policy" in headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == headers["cross-origin-resource-policy"] == "same-origin"


class Inline(HTMLParser):
    """Collects what the policy would refuse, and what a page refers to."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: list[str] = []
        self.references: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        names = dict(attributes)
        if tag == "style" or (tag == "script" and "src" not in names):
            self.refused.append(tag)
        self.refused += [name for name in names if name == "style" or name.startswith("on")]
        if tag in {"script", "img", "link"}:
            self.references.append(names.get("src") or names.get("href") or "")


@pytest.mark.parametrize("file", [file for file in FILES if file.suffix == ".html"], ids=lambda file: file.name)
def test_a_page_has_nothing_inline_and_its_files_are_served(client: TestClient, file: Path) -> None:
    found = Inline()
    found.feed(file.read_text())
    assert found.refused == []
    for reference in filter(None, found.references):
        assert client.get(reference).status_code == 200, reference
        if reference.endswith(".js"):
            assert client.get(reference).headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PAGE_FOLDER)))
def test_no_file_names_another_host(file: Path) -> None:
    assert set(re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]+[^\s\"'<>)]*", file.read_text())) <= NAMESPACES


def test_modules_import_only_what_is_there() -> None:
    for file in (file for file in FILES if file.suffix == ".js"):
        for name in re.findall(r'(?:from|import)\s*\(?"(\.{1,2}/[^"]+|/[^"]+)"', file.read_text()):
            target = PAGE_FOLDER / name.removeprefix("/page/") if name.startswith("/") else file.parent / name
            assert target.resolve().is_file(), f"{file.name} imports {name}"


SPACES = re.compile(r"(?:margin|padding|gap)[a-z-]*: ([^;]*)")
SIZES_OF_TEXT = re.compile(r"font-size: ([^;]*)")
SCALE = {"0.75rem", "0.875rem", "0.875em", "1rem", "1.125rem", "1.25rem", "1.5rem", "2rem", "3rem"}


@pytest.mark.parametrize("path", [path for path in FILES if path.suffix == ".css"], ids=lambda path: path.name)
def test_spacing_lies_on_a_grid_of_four_pixels_and_text_on_one_scale(path: Path) -> None:
    text = path.read_text()
    spaces = {float(number) for said in SPACES.findall(text) for number in re.findall(r"([\d.]+)rem", said)}
    assert {space for space in spaces if space % 0.25 and space != 0.125} == set()
    sizes = {said for said in SIZES_OF_TEXT.findall(text) if not said.startswith("clamp(")}
    assert sizes <= SCALE
