"""What travels over the queue survives JSON, and no failure is without a public code."""

import json
from typing import Any, get_args

import pytest
from pydantic import TypeAdapter, ValidationError

import models.errors
import workers.errors
from workers.contracts import (
    AnyRequest,
    Artefact,
    Failure,
    FailureCode,
    FullReferenceScoreRequest,
    ImageResult,
    JndMapRequest,
    JobResult,
    PatchQualityMapRequest,
    PlainEncodingRequest,
    QualityScoreRequest,
    Request,
    StudyLadderRequest,
    StudyProfileRequest,
    SurCurveRequest,
    VarJpegDecodeRequest,
    VarJpegRequest,
)
from workers.jobs.record import Job
from workers.run.signatures import dedup_key

KEY, OTHER_KEY = "a" * 64, "b" * 64
REQUESTS: list[AnyRequest] = [
    JndMapRequest(image_key=KEY),
    PatchQualityMapRequest(image_key=KEY, reference_key=OTHER_KEY, stride=32, patch_size=128),
    QualityScoreRequest(image_key=KEY),
    FullReferenceScoreRequest(reference_key=KEY, distorted_key=OTHER_KEY),
    SurCurveRequest(image_key=KEY, jnd=2, percent=62.5, observer="flicker"),
    VarJpegRequest(image_key=KEY, target_sur=0.75, protect_key=OTHER_KEY),
    StudyLadderRequest(study_id="c" * 32, photo_id="d" * 16, upload_key=KEY, max_width=1920, max_height=1080),
    StudyProfileRequest(study_id="c" * 32, photo_ids=("d" * 16,), samples_key=KEY, profile_name="team"),
    VarJpegDecodeRequest(image_key=KEY),
    PlainEncodingRequest(image_key=KEY, codec="avif", max_bytes=1000),
]


def test_every_request_is_in_this_list() -> None:
    union = get_args(get_args(AnyRequest)[0])
    assert {type(request) for request in REQUESTS} == set(union)


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: request.capability)
def test_a_request_survives_json(request_: AnyRequest) -> None:
    message = json.dumps(request_.model_dump(mode="json"))
    assert TypeAdapter(AnyRequest).validate_python(json.loads(message)) == request_
    assert len(message) < 8192
    job = Job(id="x", request=request_, created_at=1.5, sent_at=1.5)
    assert Job.model_validate_json(job.model_dump_json()) == job


def test_a_result_and_a_failure_survive_json() -> None:
    artefact = Artefact(name="decoded.png", media_type="image/png", key=KEY, size_bytes=3)
    body = ImageResult(height=1, width=2, source_format="PNG", bit_depth=8, warnings=["guessed"])
    result = JobResult(body=body, artefacts=[artefact], model_versions={"fpsnet": "1"})
    job = Job(id="x", request=VarJpegDecodeRequest(image_key=KEY), created_at=1.5, sent_at=1.5, result=result)
    assert Job.model_validate_json(job.model_dump_json()) == job
    newer = job.model_dump(mode="json")
    newer["result"]["body"]["hue"] = "blue"
    read = Job.model_validate(newer).result
    assert read is not None
    assert read.body.model_dump()["hue"] == "blue"
    failure = Failure(code=FailureCode.WORKER_LOST, detail="lost")
    assert Failure.model_validate_json(failure.model_dump_json()) == failure


def test_an_unknown_field_a_bad_key_and_two_targets_are_refused() -> None:
    for fields in ({"image_key": KEY, "extra": 1}, {"image_key": "../x"}, {}):
        with pytest.raises(ValidationError):
            JndMapRequest.model_validate(fields)
    with pytest.raises(ValidationError):
        VarJpegRequest(image_key=KEY, quality=50, target_sur=0.75)


def test_requests_do_not_change() -> None:
    with pytest.raises(ValidationError):
        REQUESTS[0].__setattr__("image_key", OTHER_KEY)
    assert issubclass(JndMapRequest, Request)


def all_subclasses(base: type[Any]) -> set[type[Any]]:
    return set(base.__subclasses__()).union(*(all_subclasses(child) for child in base.__subclasses__()))


def test_each_domain_error_has_a_code_that_a_job_can_fail_with() -> None:
    for error in all_subclasses(models.errors.LimenError):
        assert error.__module__.startswith("limen.") or FailureCode(error.code)  # a client's errors end no job


def test_each_service_error_has_its_own_code() -> None:
    codes = [error.code for error in all_subclasses(workers.errors.ServiceError)]
    assert len(codes) == len(set(codes))
    for module in (models.errors, workers.errors):
        assert all(code in (module.__doc__ or "") for code in [e.code for e in _errors_of(module)])


def _errors_of(module: object) -> list[type[Any]]:
    return [value for value in vars(module).values() if isinstance(value, type) and "code" in vars(value)]


def test_task_names_and_dedup_keys() -> None:
    assert REQUESTS[0].task() == "limen.jnd_map"
    assert REQUESTS[-1].task() == "limen.plain_encoding"
    keys = [dedup_key(request, "v1") for request in REQUESTS]
    assert len(set(keys)) == len(keys)
    assert dedup_key(REQUESTS[0], "v1") != dedup_key(REQUESTS[0], "v2")
    assert dedup_key(REQUESTS[0], None) is None


@pytest.mark.parametrize("size", [64, 128])
def test_a_form_may_choose_the_patch_size(size: int) -> None:
    pair = {"image_key": KEY, "reference_key": OTHER_KEY}
    request = PatchQualityMapRequest.model_validate({**pair, "patch_size": str(size)})
    assert request.patch_size == size
    with pytest.raises(ValidationError, match="64 or 128"):
        PatchQualityMapRequest.model_validate({**pair, "patch_size": "96"})


def test_large_patches_are_not_promised_where_no_reference_is_given() -> None:
    assert PatchQualityMapRequest(image_key=KEY, patch_size=64).patch_size == 64
    with pytest.raises(ValidationError, match="patch_size 128 needs a reference"):
        PatchQualityMapRequest(image_key=KEY, patch_size=128)


def test_what_stands_for_a_request_is_as_earlier_versions_wrote_it() -> None:
    assert REQUESTS[0].identity() == f'{{"capability":"jnd-map","image_key":"{KEY}"}}'
    assert VarJpegRequest(image_key=KEY, target_sur=0.75, protect_key=OTHER_KEY).identity() == (
        f'{{"capability":"varjpeg","image_key":"{KEY}","quality":null,"target_sur":0.75,"target_metric":null,'
        f'"target_value":null,"max_bytes":null,"format":"jpeg","protect_key":"{OTHER_KEY}","steering":"jnd",'
        '"subsampling":"auto","metadata":"keep-icc","observer":"aic-3","pixels_per_degree":null,"jnd":1}'
    )


FORMS = [request for request in REQUESTS if not isinstance(request, StudyProfileRequest)]
"""Those that a form may bring; of a study's profile only the web process asks, for a list of photos."""


@pytest.mark.parametrize("request_", FORMS, ids=lambda request: request.capability)
def test_a_form_asks_for_the_same(request_: AnyRequest) -> None:
    keys = {part: getattr(request_, field) for part, field in request_.files.items()}
    sent = {part: key for part, key in keys.items() if key is not None}
    assert type(request_).of_form(request_.form(), sent, observer="nobody") == request_
    assert set(request_.files.values()) | set(request_.parameters()) | {"capability"} == set(
        type(request_).model_fields
    )


def test_a_form_brings_files_as_files_and_an_observer_where_it_names_none() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        JndMapRequest.of_form({"image_key": KEY}, {"image": KEY}, observer="x")
    with pytest.raises(ValidationError, match="Extra inputs"):
        JndMapRequest.of_form({"capability": "jnd-map"}, {"image": KEY}, observer="x")
    assert SurCurveRequest.of_form({}, {"image": KEY}, observer="flicker").observer == "flicker"
