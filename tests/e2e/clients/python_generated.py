"""Uses a generated Python client as its reader would, and prints what it got: ``python_generated.py URL PHOTO [KEY]``.

Runs in the environment of the generator, beside the package ``limen_client`` that it has made.
"""

import json
import sys
from io import BytesIO
from pathlib import Path
from typing import Any


def main(url: str, photo: Path, key: str | None) -> dict[str, Any]:
    from limen_client import AuthenticatedClient, Client  # type: ignore[import-not-found]
    from limen_client.api.capabilities import create_varjpeg  # type: ignore[import-not-found]
    from limen_client.api.jobs import read_artefact, read_job, read_result  # type: ignore[import-not-found]
    from limen_client.models import CreateVarjpegFilesBody, JobStatus  # type: ignore[import-not-found]
    from limen_client.types import File  # type: ignore[import-not-found]

    client = Client(base_url=url) if key is None else AuthenticatedClient(base_url=url, token=key)

    def body(target_sur: float) -> Any:
        file = File(payload=BytesIO(photo.read_bytes()), file_name="photo.png", mime_type="image/png")
        return CreateVarjpegFilesBody(image=file, target_sur=target_sur)

    at_once = create_varjpeg.sync(client=client, body=body(0.75), prefer="wait=60")
    accepted = create_varjpeg.sync(client=client, body=body(0.8), idempotency_key="mine")
    assert isinstance(accepted, JobStatus)
    result = read_result.sync(accepted.id, client=client, prefer="wait=60")
    image = read_artefact.sync_detailed(accepted.id, result.artefacts[0].name, client=client)
    problem = read_job.sync("f" * 32, client=client)
    return {
        "at_once": at_once.sur,
        "state": read_job.sync(accepted.id, client=client).state.value,
        "begins": image.content[:2].hex(),
        "size_bytes": [len(image.content), result.artefacts[0].size_bytes],
        "problem": problem.type_,
    }


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None)))
