"""What replies of a study hold."""

import csv
import io
from typing import Any

from tests.assets.study_people import Organiser


def problem(reply: Any) -> str:
    """The code of a problem, after a look at its form."""
    assert reply.headers["content-type"] == "application/problem+json", reply.text
    code: str = reply.json()["type"].removeprefix("/problems/")
    return code


def rows(study: Organiser, **query: str) -> list[dict[str, str]]:
    reply = study.client.get(f"{study.path}/samples", params=query)
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(reply.text)))
