"""The contract of an archive, run against every database that can hold one."""

import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from smnas.archive.archive import Archive
from smnas.archive.header import RunHeader
from smnas.archive.rows import proposal_row
from smnas.archive.schema import TRIALS
from smnas.errors import ArchiveError, RunBusyError
from smnas.trial.measurement import CountProtocol, Measurement, PredictionProtocol
from smnas.trial.trial import Failure, Outcome


class Backend:
    """Archives of one run folder, closed when the test ends."""

    def __init__(self, folder: Path, header: RunHeader, storage: str | None) -> None:
        self.folder, self.storage = folder, storage
        self._header = header
        self._opened: list[Archive] = []

    def create(self) -> Archive:
        return self._keep(Archive.create(self.folder, self._header, self.storage))

    def open(self) -> Archive:
        return self._keep(Archive.open(self.folder))

    def drive(self) -> Archive:
        return self._keep(Archive.drive(self.folder))

    def drive_again(self) -> Archive:
        """What another process gets after the end of this one."""
        self.close()
        return self._keep(Archive.drive(self.folder))

    def _keep(self, archive: Archive) -> Archive:
        self._opened.append(archive)
        return archive

    def close(self) -> None:
        while self._opened:
            self._opened.pop().close()


@pytest.fixture(params=["sqlite", "postgres"])
def backend(request, folder, header) -> Iterator[Backend]:
    storage = None
    if request.param == "postgres":
        storage = request.getfixturevalue("postgres").url
    made = Backend(folder, header, storage)
    yield made
    made.close()


class TestArchiveContract:
    def test_new_archive_is_empty_and_knows_its_run(self, backend, header):
        assert backend.create().trials() == ()
        assert backend.open().header == header

    def test_numbers_run_from_zero(self, backend, make_proposal):
        archive = backend.create()
        assert [archive.start(make_proposal(i)).number for i in range(3)] == [0, 1, 2]
        assert backend.drive_again().start(make_proposal(3)).number == 3

    def test_trial_is_on_disk_before_it_runs(self, backend, make_proposal):
        trial = backend.create().start(make_proposal(1))
        assert backend.open().unfinished() == [trial]

    def test_what_is_recorded_comes_back_to_the_last_bit(
        self, backend, make_proposal, outcome, failed, measured
    ):
        archive = backend.create()
        for index, stage in enumerate((1, 2, "final", "yardstick", 1)):
            archive.start(make_proposal(index, stage))
        archive.record(2, failed)
        archive.record(0, outcome)
        archive.add(0, [measured(0.25, "ap", "test"), measured(0.5, "ap50", "test")])
        archive.add(0, [measured(0.26, "ap", "test")])
        again = backend.open()
        assert again.trials() == archive.trials()
        assert again.trials()[0].outcome == outcome
        assert again.trials()[2].outcome == failed
        assert again.trials()[0].value("ap", "test") == 0.26
        assert [trial.number for trial in again.unfinished()] == [1, 3, 4]

    def test_a_prediction_is_kept_with_the_proposal_that_it_refused(self, backend, make_proposal):
        protocol = PredictionProtocol(
            runtime="onnxruntime", precision="float32", device="some CPU", batch=1, threads=1,
            versions={"onnxruntime": "1.20"}, detectors=9, error=0.03,
        )  # fmt: skip
        predicted = Measurement(
            metric="latency_ms_predicted", value=40.0, unit="ms", interval=(35.0, 46.0),
            protocol=protocol,
        )  # fmt: skip
        failure = Failure(stage="constraint", reason="latency_ms_predicted is 40, not measured")
        archive = backend.create()
        refused = Outcome(measurements=(predicted,), failure=failure)
        archive.record(archive.start(make_proposal()).number, refused)
        assert backend.open().trials()[0].outcome == refused

    def test_equal_protocols_are_stored_once(self, backend, make_proposal, outcome):
        archive = backend.create()
        with statements(archive) as seen:
            for index in range(3):
                archive.record(archive.start(make_proposal(index)).number, outcome)
        assert sum("INSERT INTO protocols" in text for text in seen) == 1

    def test_records_are_only_ever_added(self, backend, make_proposal, outcome, measured):
        archive = backend.create()
        with statements(archive) as seen:
            archive.record(archive.start(make_proposal()).number, outcome)
            archive.add(0, [measured(0.5, "ap", "test")])
        assert {text.split()[0] for text in seen} - {"BEGIN"} == {"INSERT"}

    def test_reading_trials_touches_no_disk(self, backend, make_proposal, outcome):
        archive = backend.create()
        archive.record(archive.start(make_proposal()).number, outcome)
        with statements(archive) as seen:
            assert archive.trials()[0].succeeded
            assert archive.unfinished() == []
        assert seen == []

    def test_outcome_is_never_replaced(self, backend, make_proposal, outcome, failed):
        archive = backend.create()
        archive.record(archive.start(make_proposal()).number, outcome)
        with pytest.raises(ArchiveError, match="trial 0 has an outcome already"):
            archive.record(0, failed)
        assert backend.open().trials()[0].outcome == outcome

    def test_unknown_number_is_refused(self, backend, outcome, measured):
        archive = backend.create()
        with pytest.raises(ArchiveError, match="no trial 5; there are 0"):
            archive.record(5, outcome)
        with pytest.raises(ArchiveError, match="no trial -1"):
            archive.add(-1, [measured(0.5)])

    def test_later_measurement_needs_an_outcome(self, backend, make_proposal, measured):
        archive = backend.create()
        archive.start(make_proposal())
        with pytest.raises(ArchiveError, match="no outcome yet"):
            archive.add(0, [measured(0.5)])

    def test_second_driver_is_refused_and_told_who_the_first_is(self, backend, make_proposal):
        first = backend.create()
        here = rf"in use by process {os.getpid()} on {re.escape(socket.gethostname())} since 20"
        with pytest.raises(RunBusyError, match=here):
            backend.drive()
        with pytest.raises(RunBusyError, match=here):
            backend.create()
        first.start(make_proposal(0))
        assert len(backend.drive_again().trials()) == 1

    def test_reader_writes_nothing(self, backend, make_proposal, outcome):
        trial = backend.create().start(make_proposal())
        reader = backend.open()
        with pytest.raises(ArchiveError, match="opened to be read"):
            reader.start(make_proposal(1))
        with pytest.raises(ArchiveError, match="opened to be read"):
            reader.record(trial.number, outcome)
        assert reader.trials() == (trial,)

    def test_reader_follows_the_driver(self, backend, make_proposal, outcome, failed, measured):
        driver, reader = backend.create(), backend.open()
        for index in range(3):
            driver.start(make_proposal(index))
            reader.refresh()
            assert reader.trials() == driver.trials()
        driver.record(2, failed)
        driver.record(0, outcome)
        driver.add(0, [measured(0.5, "ap", "test")])
        reader.refresh()
        driver.add(0, [measured(0.6, "ap", "test")])
        driver.record(1, outcome)
        driver.continue_as(driver.header.model_copy(update={"notes": ("more",)}))
        with statements(reader) as seen:
            reader.refresh()
        assert reader.trials() == driver.trials() == backend.open().trials()
        assert reader.header == driver.header
        assert {text.split()[0] for text in seen} <= {"SELECT", "BEGIN", "PRAGMA"}
        assert reader.as_seen_by(2) == driver.as_seen_by(2)

    def test_numbers_taken_meanwhile_are_noticed(self, backend, make_proposal):
        driver = backend.create()
        with driver._storage.engine.begin() as connection:
            row = proposal_row(0, make_proposal(), 0)
            connection.execute(TRIALS.insert(), row)
        with pytest.raises(ArchiveError, match="another process has written"):
            driver.start(make_proposal(1))
        assert driver.trials() == ()

    def test_trials_as_they_stood_when_one_was_proposed(
        self, backend, make_proposal, outcome, failed, measured
    ):
        archive = backend.create()
        for index in range(2):
            archive.start(make_proposal(index))
        archive.record(1, outcome)  # the second ends first
        archive.start(make_proposal(2))
        archive.record(0, failed)
        archive.add(1, [measured(0.9, "ap", "test")])
        archive.start(make_proposal(3))
        for known in (archive, backend.open()):
            assert known.as_seen_by(0) == []
            assert [trial.outcome for trial in known.as_seen_by(1)] == [None]
            assert [trial.outcome for trial in known.as_seen_by(2)] == [None, outcome]
            seen = known.as_seen_by(3)
            assert [trial.outcome for trial in seen] == [failed, outcome, None]
            assert all(trial.later == () for trial in seen)

    @settings(
        max_examples=25,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(
        values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=4),
        seconds=st.floats(0, 1e300),
        reason=st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])),
    )
    def test_any_number_and_any_text_survive(self, backend, make_proposal, values, seconds, reason):
        archive = backend.drive_again() if backend.folder.exists() else backend.create()
        good = Outcome(
            measurements=tuple(
                Measurement(metric=f"m{i}", value=value, unit="1", protocol=CountProtocol(rule="n"))
                for i, value in enumerate(values)
            ),
            seconds=seconds,
        )
        bad = Outcome(failure=Failure(stage="build", reason=reason), seconds=seconds)
        numbers = [archive.start(make_proposal(i)).number for i in range(2)]
        archive.record(numbers[0], good)
        archive.record(numbers[1], bad)
        known = backend.open()
        assert [trial.outcome for trial in known.trials()[-2:]] == [good, bad]


class statements:
    """The SQL that an archive sends meanwhile."""

    def __init__(self, archive: Archive) -> None:
        self._engine = archive._storage.engine
        self._seen: list[str] = []

    def _note(self, conn, cursor, statement, parameters, context, executemany) -> None:
        self._seen.append(statement)

    def __enter__(self) -> list[str]:
        event.listen(self._engine, "before_cursor_execute", self._note)
        return self._seen

    def __exit__(self, *_: object) -> None:
        event.remove(self._engine, "before_cursor_execute", self._note)
