"""What is taken for the address of a bucket on the command line."""

from pathlib import Path

import pytest

from workers.cli.buckets import SCHEMES, is_bucket
from workers.settings import OBJECT_STORES


def test_the_command_line_knows_the_stores_of_the_settings() -> None:
    assert tuple(f"{scheme}:" for scheme in OBJECT_STORES) == SCHEMES


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("s3://bucket/prefix/", True),
        ("gs://bucket", True),
        ("az://account/container", True),
        ("photos", False),
        ("./s3:/bucket", True),  # a path cannot tell it from s3://bucket
        ("photos/s3:/bucket", False),
        ("/s3:/bucket", False),
        ("-", False),
        ("", False),
    ],
)
def test_buckets_are_told_from_folders(path: str, wanted: bool) -> None:
    assert is_bucket(Path(path)) is wanted
