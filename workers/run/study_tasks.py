"""What observer studies ask of a worker: the versions of a photo, in the study's own folder."""

from workers.contracts import StudyLadderRequest
from workers.run.task import add_task

add_task(StudyLadderRequest)
