"""One task per capability: what the queue runs."""

import workers.run.loaded_models  # noqa: F401 - opens the models when a pool process starts
from workers.contracts import CAPABILITIES
from workers.run.task import add_task

for capability in CAPABILITIES:
    add_task(capability)
