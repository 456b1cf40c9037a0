"""The contract of an archive, run against every database that can hold one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from smnas.archive.archive import Archive
from smnas.archive.header import RunHeader
from smnas.errors import ArchiveError
from smnas.trial.measurement import CountProtocol, Measurement
from smnas.trial.trial import Failure, Outcome


class SqliteBackend:
    """An archive in a file of a run folder."""

    def __init__(self, folder: Path, header: RunHeader) -> None:
        self.folder = folder
        self._header = header
        self._opened: list[Archive] = []

    def create(self) -> Archive:
        return self._keep(Archive.create(self.folder, self._header))

    def open(self) -> Archive:
        return self._keep(Archive.open(self.folder))

    def _keep(self, archive: Archive) -> Archive:
        self._opened.append(archive)
        return archive

    def close(self) -> None:
        for archive in self._opened:
            archive.close()


BACKENDS = {"sqlite": SqliteBackend}


@pytest.fixture(params=sorted(BACKENDS))
def backend(request, folder, header) -> Iterator[SqliteBackend]:
    made = BACKENDS[request.param](folder, header)
    yield made
    made.close()


class TestArchiveContract:
    def test_new_archive_is_empty_and_knows_its_run(self, backend, header):
        assert backend.create().trials() == ()
        assert backend.open().header == header

    def test_numbers_run_from_zero(self, backend, make_proposal):
        archive = backend.create()
        assert [archive.start(make_proposal(i)).number for i in range(3)] == [0, 1, 2]
        assert backend.open().start(make_proposal(3)).number == 3

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
        assert {text.split()[0] for text in seen} == {"INSERT"}

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

    def test_two_writers_are_noticed(self, backend, make_proposal):
        first = backend.create()
        second = backend.open()
        first.start(make_proposal(0))
        with pytest.raises(ArchiveError, match="another process has written"):
            second.start(make_proposal(1))
        assert len(second.trials()) == 0

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
        archive = backend.open() if backend.folder.exists() else backend.create()
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
        assert [trial.outcome for trial in backend.open().trials()[-2:]] == [good, bad]


class statements:
    """The SQL that an archive sends meanwhile."""

    def __init__(self, archive: Archive) -> None:
        self._engine = archive._engine
        self._seen: list[str] = []

    def _note(self, conn, cursor, statement, parameters, context, executemany) -> None:
        self._seen.append(statement)

    def __enter__(self) -> list[str]:
        event.listen(self._engine, "before_cursor_execute", self._note)
        return self._seen

    def __exit__(self, *_: object) -> None:
        event.remove(self._engine, "before_cursor_execute", self._note)
