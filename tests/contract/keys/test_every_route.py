"""What needs a key and what does not: every address of the API is one or the other, and says so."""

from pathlib import Path

from tests.contract.keys.locked_service import opened_service

OPEN = {
    "live",
    "ready",
    "read_study",
    "read_study_photo",
    "read_study_profile",
    "export_samples",
    "export_dataset",
    "delete_study",
    "read_invitation",
    "begin_session",
    "read_session",
    "read_trial_image",
    "answer_trial",
}
"""How the service is, and studies: their addresses hold secrets of their own."""


def test_every_operation_needs_a_key_or_is_meant_to_be_open(tmp_path: Path) -> None:
    service = opened_service(tmp_path)
    document = service.client.get("/openapi.json").json()
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    described = {
        operation["operationId"]: (method, path, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }
    for name, (method, path, operation) in described.items():
        reply = service.client.request(method, path.replace("{", "").replace("}", ""))
        assert (reply.status_code != 401) == (name in OPEN), name
        assert operation.get("security") == (None if name in OPEN else [{"key": []}, {}]), name
        assert ("401" in operation["responses"]) == (name not in OPEN), name
