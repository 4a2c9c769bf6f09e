"""Job records and studies go on where the process before this one ended, however it ended."""

import sqlite3
from pathlib import Path
from random import Random

import pytest

from workers.contracts import JndMapRequest, JobResult, QualityScoreRequest, QualityScoreResult
from workers.errors import BrokerUnavailableError, IdempotencyConflictError, JobUnknownError, StudyUnknownError
from workers.jobs.record import JobState
from workers.jobs.store import Arrival, JobStore
from workers.record_file import LAYOUT, RecordFile, RecordFileError
from workers.run.data_folder import opened_data_folder
from workers.settings import BrokerSettings
from workers.studies.record import StudyOptions, StudyPhoto, organiser_link, with_photo
from workers.studies.session import Screen, new_session
from workers.studies.store import LINK_TOMBSTONE_S

REQUEST = JndMapRequest(image_key="a" * 64)
OTHER = QualityScoreRequest(image_key="b" * 64)
FIGURES = QualityScoreResult(
    height=1, width=1, source_format="PNG", bit_depth=8, warnings=[], mos=50.0, scale="mos 0..100",
    higher_is_better=True, patchnet_mean=0.0, fish_mean=0.0, fish=0.0,
)  # fmt: skip


def settings(folder: Path) -> BrokerSettings:
    return BrokerSettings(data_dir=folder)


def started(store: JobStore, job_id: str, owner: str = "one") -> None:
    store.update(job_id, lambda job, now: job.started(owner, now, owner_dead=lambda _: False))


def test_what_was_accepted_waits_for_the_next_process(tmp_path: Path) -> None:
    with opened_data_folder(settings(tmp_path)) as first:
        queued, _ = first.jobs.create(REQUEST, idempotency_key="mine", dedup_key="same")
        running, _ = first.jobs.create(OTHER)
        started(first.jobs, running.id)
    with opened_data_folder(settings(tmp_path)) as second:
        assert [job.id for job in second.jobs.unfinished()] == [queued.id, running.id]
        assert second.jobs.create(REQUEST, idempotency_key="mine") == (queued, Arrival.REPEATED)
        assert second.jobs.create(REQUEST, dedup_key="same") == (queued, Arrival.SHARED)
        with pytest.raises(IdempotencyConflictError):
            second.jobs.create(OTHER, idempotency_key="mine")
        started(second.jobs, running.id, "two")  # nobody waits for the lease of a process that is gone
        assert second.jobs.get(running.id).attempts == 1


def test_what_has_ended_stays_as_it_ended(tmp_path: Path) -> None:
    with opened_data_folder(settings(tmp_path)) as first:
        job, _ = first.jobs.create(OTHER)
        started(first.jobs, job.id)
        result = JobResult(body=FIGURES, model_versions={"m": "1"})
        ended = first.jobs.update(job.id, lambda job, now: job.succeeded("one", now, result))
        gone, _ = first.jobs.create(REQUEST, idempotency_key="mine")
        first.jobs.discard(gone.id)
    with opened_data_folder(settings(tmp_path)) as second:
        assert second.jobs.unfinished() == []
        assert second.jobs.get(job.id) == ended
        with pytest.raises(JobUnknownError):
            second.jobs.get(gone.id)
        assert second.jobs.create(OTHER, idempotency_key="mine")[1]


def test_a_record_of_another_version_is_dropped_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with opened_data_folder(settings(tmp_path)) as first:
        job, _ = first.jobs.create(OTHER)
    records = RecordFile(tmp_path / "records.sqlite")
    records.put(("job", "old", '{"id": "old"}'))
    records.close()
    with opened_data_folder(settings(tmp_path)) as second:
        assert [left.id for left in second.jobs.unfinished()] == [job.id]
    assert "job old: a record of another version, dropped" in caplog.text


def test_a_run_that_is_put_back_does_not_count(tmp_path: Path) -> None:
    with opened_data_folder(settings(tmp_path)) as stores:
        job, _ = stores.jobs.create(REQUEST)
        started(stores.jobs, job.id)
        back = stores.jobs.update(job.id, lambda job, _: job.put_back())
        assert (back.state, back.attempts, back.owner) == (JobState.QUEUED, 0, None)
        assert stores.jobs.update(job.id, lambda job, _: job.put_back()) == back


def test_studies_with_their_links_and_answers_are_there_again(tmp_path: Path) -> None:
    options = StudyOptions(title="Chairs", consent_text="Nothing is stored of you.")
    with opened_data_folder(settings(tmp_path)) as first:
        study = first.studies.create(options, "key")
        photo = StudyPhoto(id="c" * 8, name="chair.png", key="d" * 64, job_id="e" * 32)
        study = first.studies.update(study.id, lambda study: with_photo(study, photo))
        session = new_session(
            study, [photo.id], Screen(css_pixels_per_mm=3.78, viewing_distance_mm=600), study.created_at, Random(1)
        )
        first.studies.add_session(study.id, session)
    with opened_data_folder(settings(tmp_path)) as second:
        assert second.studies.find(organiser_link("key")) == study
        assert second.studies.sessions(study.id) == [session]
        second.studies.delete(study.id)
    with opened_data_folder(settings(tmp_path)) as third:
        assert not third.studies.exists(study.id)
        assert session.id.encode() not in (tmp_path / "records.sqlite").read_bytes()


def test_a_study_that_has_expired_is_forgotten_by_the_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened_data_folder(settings(tmp_path)) as stores:
        study = stores.studies.create(StudyOptions(title="Chairs", consent_text="None.", expires_in_days=1), "key")
        monkeypatch.setattr(stores.studies, "_clock", lambda: study.expires_at + LINK_TOMBSTONE_S)
        assert stores.studies.sweep() == 1
    with opened_data_folder(settings(tmp_path)) as stores, pytest.raises(StudyUnknownError):
        stores.studies.find(organiser_link("key"))


def test_two_processes_do_not_share_a_folder(tmp_path: Path) -> None:
    first = RecordFile(tmp_path / "records.sqlite")
    with pytest.raises(RecordFileError, match="another Limen works in"):
        RecordFile(tmp_path / "records.sqlite")
    first.close()
    RecordFile(tmp_path / "records.sqlite").close()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "records.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(RecordFileError, match=r"records\.sqlite is damaged \(file is not a database\)"):
        RecordFile(tmp_path / "records.sqlite")


def test_damage_inside_a_database_is_found_at_the_start(tmp_path: Path) -> None:
    file = tmp_path / "records.sqlite"
    records = RecordFile(file)
    records.put(*(("job", str(number), "x" * 1000) for number in range(200)))
    records.close()
    data = bytearray(file.read_bytes())
    data[4096 : 4096 * 20] = b"\xaa" * (4096 * 19)
    file.write_bytes(data)
    with pytest.raises(RecordFileError, match="is damaged"):
        RecordFile(file)


def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "records.sqlite"
    with sqlite3.connect(file) as newer:
        newer.execute(f"PRAGMA user_version = {LAYOUT + 1}")
    newer.close()
    with pytest.raises(RecordFileError, match="of a newer Limen"):
        RecordFile(file)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RecordFileError, match=r"file/data cannot be written: Not a directory"):
        RecordFile(tmp_path / "file" / "data" / "records.sqlite")


def test_a_full_disc_refuses_new_records_and_keeps_the_old(tmp_path: Path) -> None:
    records = RecordFile(tmp_path / "records.sqlite")
    records.put(("job", "1", "kept"))
    records._connection.execute("PRAGMA max_page_count = 4")
    with pytest.raises(BrokerUnavailableError, match="cannot be written: database or disk is full"):
        records.put(("job", "2", "x" * 100_000))
    assert records.all("job") == {"1": "kept"}
    records.put(("job", "1", "changed"))
    assert records.all("job") == {"1": "changed"}
    records.close()
