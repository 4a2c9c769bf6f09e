"""A study's answers as CSV, and the whole of it in the layout of MCL-JCI, as ``training.data.mcl_jci`` reads it."""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from app.studies.screening import Sample, outliers
from app.zip_stream import zip_pieces
from workers.blobs.storage import StoredFile
from workers.studies.files import Ladder, StudyFiles
from workers.studies.record import HIGHEST_LEVEL, Study
from workers.studies.session import NOTHING_SEEN, Answer, Session, TrialKind

SAMPLES_FILE = "mcl_jci_jnd_samples.csv"
KEPT = "kept"
COLUMNS = (
    "image",
    "jnd",
    "observer",
    "qf",
    "noticed",
    "method",
    "pixels_per_degree",
    "viewing_distance_mm",
    "log_distance_below",
    "log_distance",
    "distance_version",
    "screening",
    "width",
    "height",
    "name",
    "sha256",
    "study",
)
"""``image``: number of the photo. ``qf``: 101 - the lowest level that looked different, where ``noticed`` is 1; where
it is 0 no level did, and ``qf`` is 1, the last one shown. ``log_distance_below``, ``log_distance``: ln of the distance
that the network of ``distance_version`` predicts for the level before and for this one; empty where there is none.
``screening``: kept, attention or outlier. ``width``, ``height``: of the photo as shown."""


@dataclass(frozen=True, slots=True)
class _Row:
    session: Session
    image: int
    photo_id: str
    jnd: int
    answer: Answer


def samples_csv(study: Study, sessions: list[Session], files: StudyFiles, *, screened: bool) -> tuple[str, int]:
    """The answers as CSV with a header, one line each, and how many lines follow it.

    ``screened``: also those of observers who were left out, with the reason.
    """
    rows = _rows(study, sessions)
    reasons = screening(rows)
    ladders = {photo.id: files.ladder(study.id, photo.id) for photo in study.photos}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    count = 0
    for row in rows:
        reason = reasons.get(row.session.observer, KEPT)
        ladder = ladders[row.photo_id]
        if (screened or reason == KEPT) and ladder is not None:
            writer.writerow(_line(study, row, ladder, reason))
            count += 1
    return text.getvalue(), count


def screening_counts(study: Study, sessions: list[Session]) -> dict[str, int]:
    """How many observers who answered were kept, and left out for attention and as outliers."""
    rows = _rows(study, sessions)
    reasons = screening(rows)
    found = Counter(reasons.get(observer, KEPT) for observer in {row.session.observer for row in rows})
    return {reason: found[reason] for reason in (KEPT, "attention", "outlier")}


def screening(rows: list[_Row]) -> dict[str, str]:
    """Why an observer is left out, by observer; see ``app.studies.screening``."""
    reasons = {row.session.observer: "attention" for row in rows if row.session.attention_passed() is False}
    attentive = [row for row in rows if row.session.observer not in reasons]
    samples = [Sample(row.session.observer, (row.image, row.jnd), row.answer.level) for row in attentive]
    return reasons | dict.fromkeys(outliers(samples), "outlier")


def dataset_zip(study: Study, sessions: list[Session], files: StudyFiles) -> Iterator[bytes]:
    """A ZIP archive, piece by piece: the answers kept, and each ready photo with its versions, named as in MCL-JCI."""
    return zip_pieces(_entries(study, sessions, files))


def _entries(study: Study, sessions: list[Session], files: StudyFiles) -> Iterator[tuple[str, str | StoredFile]]:
    yield SAMPLES_FILE, samples_csv(study, sessions, files, screened=False)[0]
    for number, photo in enumerate(study.photos, start=1):
        if files.ladder(study.id, photo.id) is None:
            continue
        for level in range(HIGHEST_LEVEL + 1):
            name = f"ImageJND_SRC{number:02d}" + (".png" if level == 0 else f"_{101 - level:03d}.jpg")
            yield name, files.version(study.id, photo.id, level)


def _rows(study: Study, sessions: list[Session]) -> list[_Row]:
    numbers = {photo.id: number for number, photo in enumerate(study.photos, start=1)}
    rows = [
        _Row(session, numbers[trial.photo_id], trial.photo_id, trial.jnd, answer)
        for session in sessions
        for trial, answer in zip(session.trials, session.answers, strict=True)
        if trial.kind is TrialKind.SAMPLE and answer is not None
    ]
    return sorted(rows, key=lambda row: (row.image, row.jnd, row.session.observer))


def _line(study: Study, row: _Row, ladder: Ladder, reason: str) -> tuple[object, ...]:
    level = row.answer.level
    noticed = level != NOTHING_SEEN
    photo = study.photos[row.image - 1]
    return (
        row.image,
        row.jnd,
        row.session.observer,
        101 - level if noticed else 1,
        int(noticed),
        study.options.method,
        f"{row.answer.pixels_per_degree:.2f}",
        f"{row.session.screen.viewing_distance_mm:.0f}",
        "" if level == 1 else ladder.log_distances[level - 2],
        ladder.log_distances[level - 1] if noticed else "",
        ladder.distance_version,
        reason,
        ladder.width,
        ladder.height,
        photo.name,
        photo.key,
        study.id,
    )
