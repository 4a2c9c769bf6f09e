"""The house stays walkable: rooms, files and functions of a size that is read in one go."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCT = ("app", "workers", "models", "training")
SUFFIXES = (".py", ".js")

MODULES_OF_A_FOLDER = 20
LINES_OF_A_FILE = 350
LINES_OF_A_FUNCTION = 50
"""Blank lines do not count, and a function counts with those inside it."""


def files(*suffixes: str) -> list[Path]:
    """Of the product and its tests."""
    found = (path for name in (*PRODUCT, "tests") for path in (ROOT / name).rglob("*"))
    return sorted(path for path in found if path.suffix in suffixes)


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Name and lines of each function of a Python file."""
    text = path.read_text()
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, sum(bool(line.strip()) for line in lines[node.lineno - 1 : node.end_lineno])


def test_no_folder_holds_more_modules_than_one_can_keep_in_mind() -> None:
    held = Counter((path.parent.relative_to(ROOT), path.suffix) for path in files(*SUFFIXES))
    assert {folder: count for folder, count in held.items() if count > MODULES_OF_A_FOLDER} == {}


def test_no_file_is_too_long_to_be_read_in_one_go() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in files(*SUFFIXES)}
    assert {name: length for name, length in lengths.items() if length > LINES_OF_A_FILE} == {}


def test_no_function_is_too_long_to_be_read_in_one_go() -> None:
    lengths = {f"{path.relative_to(ROOT)}: {name}": length for path in files(".py") for name, length in functions(path)}
    assert {name: length for name, length in lengths.items() if length > LINES_OF_A_FUNCTION} == {}
