"""What observer studies ask of a worker: the versions of a photo, in the study's own folder, and a profile."""

from workers.contracts import StudyLadderRequest, StudyProfileRequest
from workers.run.task import add_task

add_task(StudyLadderRequest)
add_task(StudyProfileRequest)
