"""Images that the service has already: ``image_job`` in place of the file ``image`` names an earlier job on it."""

from collections.abc import Collection
from dataclasses import dataclass

from app.http.disc import off_the_loop
from app.http.fetching import taken
from app.http.problems import ProblemError
from workers.blobs.store import BlobStore, BlobWriter
from workers.errors import BlobMissingError, JobExpiredError, JobUnknownError
from workers.jobs.store import JobStore


def job_field(part: str) -> str:
    """Name of the text field that may stand for a file."""
    return f"{part}_job"


@dataclass(frozen=True, slots=True)
class EarlierJobs:
    """The jobs of one client, whose images it may name."""

    jobs: JobStore
    blobs: BlobStore
    client: str | None

    def copy(self, job_id: str, field: str, writer: BlobWriter) -> None:
        """Write the image that a job was given first. Raises: ProblemError naming ``field``; BlobStoreFullError."""
        try:
            job = self.jobs.get(job_id.rpartition("/")[2])  # as results name it, or the id alone
            if job.client != self.client:
                raise JobUnknownError(job_id)
            first = next(iter(job.request.files.values()))
            for piece in self.blobs.chunks(getattr(job.request, first)):
                writer.write(piece)
        except (JobUnknownError, JobExpiredError, BlobMissingError) as error:
            found = {"field": field, "message": f"there is no job {job_id[:64]}, or its image is no longer kept"}
            raise ProblemError.of_inputs([found]) from error


async def take_earlier(
    writers: dict[str, BlobWriter], fields: dict[str, str], parts: Collection[str], earlier: EarlierJobs, to: BlobStore
) -> None:
    """Copy each image that ``fields`` name the job of into ``writers``, and take the job out of the fields.

    Raises: ProblemError, also if a file was sent as well; BlobStoreFullError. What was written so far is left in
    ``writers``.
    """
    for part in parts:
        field = job_field(part)
        job_id = taken(fields, field, part, writers)
        if job_id is None:
            continue
        writers[part] = await off_the_loop(to.writer)
        await off_the_loop(earlier.copy, job_id, field, writers[part])
