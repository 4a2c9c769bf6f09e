"""What people open in a browser: the page at ``/``, the API page at ``/docs``, and explanations of problem types."""

import os
from importlib.resources import files

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from app.http.human_pages import PAGE_FOLDER, PAGE_POLICY, asked_by_a_person
from app.http.problem_types import PROBLEM_TYPES, RequestFault
from app.http.problems import ProblemError, problem_list_page, problem_page

DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
"""Swagger UI sets style attributes and draws its icons from data URLs."""

router = APIRouter(include_in_schema=False)
docs_router = APIRouter(include_in_schema=False)


class PageFiles(StaticFiles):
    """Assets of a page, to be asked for again after each change of the file."""

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """The file with its validators, and the wish to use them."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Cache-Control"] = "no-cache"
        return response


def page_assets() -> PageFiles:
    """Scripts, styles and the sample photo of ``/``."""
    return PageFiles(directory=PAGE_FOLDER)


def docs_assets() -> PageFiles:
    """Swagger UI, from the package that bundles it."""
    return PageFiles(directory=str(files("fastapi_swagger") / "resources"))


@router.get("/")
async def page() -> Response:
    """The page: choose a photo, see its JND map, its curve and a smaller JPEG."""
    return FileResponse(
        PAGE_FOLDER / "index.html", headers={"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-cache"}
    )


@router.get("/study")
async def study_page() -> Response:
    """For organisers: make a study, follow it, export it; the key of a study is in the fragment, which is not sent."""
    return _study_page("organise.html")


@router.get("/study/{token}")
async def observer_page(token: str) -> Response:
    """For observers; the page itself asks whether the link is good."""
    return _study_page("observe.html")


@docs_router.get("/docs")
async def docs() -> Response:
    """The API page; it loads nothing from elsewhere."""
    return FileResponse(
        PAGE_FOLDER / "docs.html", headers={"Content-Security-Policy": DOCS_POLICY, "Cache-Control": "no-cache"}
    )


@router.get("/problems")
async def problem_list(request: Request) -> Response:
    """All problem types, for people or as JSON."""
    if asked_by_a_person(request):
        return problem_list_page()
    return JSONResponse({code: _problem_description(code) for code in PROBLEM_TYPES}, headers={"Vary": "Accept"})


@router.get("/problems/{code}")
async def problem(code: str, request: Request) -> Response:
    """What a problem type means, for people or as JSON."""
    if code not in PROBLEM_TYPES:
        raise ProblemError(RequestFault.ROUTE_UNKNOWN, "There is no such problem type.")
    if asked_by_a_person(request):
        return problem_page(code)
    return JSONResponse(_problem_description(code), headers={"Vary": "Accept"})


def _study_page(name: str) -> Response:
    headers = {"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-store"}
    return FileResponse(PAGE_FOLDER / "study" / name, headers=headers)


def _problem_description(code: str) -> dict[str, str | int]:
    problem_type = PROBLEM_TYPES[code]
    return {
        "type": problem_type.uri,
        "title": problem_type.title,
        "status": problem_type.status,
        "meaning": problem_type.meaning,
    }
