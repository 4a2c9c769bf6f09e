"""Prefer and Accept."""

import pytest

from app.http.negotiation import choose_media_type, is_lenient, preferred_wait_s


@pytest.mark.parametrize(
    ("prefer", "wait_s"),
    [
        ([], None),
        (["wait=20"], 20),
        (["Wait = 20"], 20),
        (['wait="20"'], 20),
        (["respond-async, wait=5"], 5),
        (["respond-async", "wait=7"], 7),
        (["wait=5, wait=9"], 5),
        (["wait=5; strict=yes"], 5),
        (["wait=0"], 0),
        (["wait=999"], 60),
        (["wait=99999999999999"], None),
        (["wait=-1"], None),
        (["wait=soon"], None),
        (["waiting=3"], None),
    ],
)
def test_wait_is_read_as_rfc_7240_has_it(prefer: list[str], wait_s: int | None) -> None:
    assert preferred_wait_s(prefer, cap_s=60) == wait_s


OFFERS = ("image/jpeg", "application/json")


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, "image/jpeg"),
        ("*/*", "image/jpeg"),
        ("", "image/jpeg"),
        ("image/jpeg", "image/jpeg"),
        ("IMAGE/JPEG", "image/jpeg"),
        ("image/*", "image/jpeg"),
        ("application/json", "application/json"),
        ("application/*, image/*;q=0.5", "application/json"),
        ("image/jpeg;q=0.1, application/json;q=0.2", "application/json"),
        ("image/jpeg;q=0, */*", "application/json"),
        ("*/*;q=0.1, image/jpeg;q=0", "application/json"),
        ("image/png", None),
        ("text/html", None),
        ("image/jpeg;q=0", None),
        ("image/jpeg;q=two", None),
        ("nonsense", None),
        ("text/html,application/xhtml+xml,image/webp,*/*;q=0.8", "image/jpeg"),
    ],
)
def test_the_form_of_a_result_follows_accept(accept: str | None, chosen: str | None) -> None:
    assert choose_media_type(accept, OFFERS) == chosen


@pytest.mark.parametrize(
    ("prefer", "lenient"),
    [
        ([], False),
        (["handling=lenient"], True),
        (["wait=5, Handling = Lenient;x=1"], True),
        (["wait=5", "handling=lenient"], True),
        (["handling=strict"], False),
        (["lenient"], False),
    ],
)
def test_leniency_is_asked_for(prefer: list[str], lenient: bool) -> None:
    assert is_lenient(prefer) is lenient
