"""What a job that succeeded leaves: figures, and files by content key."""

from pydantic import BaseModel, SerializeAsAny

from workers.contracts.base import BlobKey, ResultBody


class Artefact(BaseModel):
    """One file of a result, by content key."""

    name: str
    media_type: str
    key: BlobKey
    size_bytes: int


class JobResult(BaseModel):
    """Result of any task: figures, as its request's ``result`` has them, and files, the main one first.

    ``cpu_s``: processor time that it took, of all threads together.
    """

    body: SerializeAsAny[ResultBody]
    artefacts: list[Artefact] = []
    model_versions: dict[str, str] = {}
    cpu_s: float | None = None
