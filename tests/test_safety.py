"""A run folder never executes what it holds: nothing in it is unpickled, and no code is read."""

import ast
import contextlib
import pickle
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "smnas"
# Messages between a driver and the processes that it starts itself, here or through Ray; and
# torch's own files, which are read as weights only.
MAY_PICKLE = {
    "execution/nest.py",
    "execution/ray_cluster.py",
    "execution/slot.py",
    "training/foreign_weights.py",
}
READS_CODE = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}


def calls_and_imports(path: Path) -> tuple[list[ast.Call], set[str]]:
    tree = ast.parse(path.read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return calls, names


def test_nothing_that_reads_files_can_run_code() -> None:
    found: set[str] = set()
    for path in sorted(PACKAGE.rglob("*.py")):
        calls, names = calls_and_imports(path)
        if names & READS_CODE:
            found.add(path.relative_to(PACKAGE).as_posix())
        for call in calls:
            text = ast.unparse(call.func)
            keywords = {k.arg: ast.unparse(k.value) for k in call.keywords}
            if text == "torch.load":
                assert keywords.get("weights_only") == "True", path
            if text in ("np.load", "numpy.load"):
                assert keywords.get("allow_pickle", "False") == "False", path
            assert text not in ("eval", "exec", "yaml.load", "yaml.unsafe_load"), path
    assert found <= MAY_PICKLE, sorted(found - MAY_PICKLE)


class Bomb:
    """What would leave a mark where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self):
        return Path.touch, (self._mark,)


@pytest.mark.parametrize(
    "place", ["config.json", "archive.sqlite", "archive.json", "trials/0000/weights.safetensors"]
)
def test_pickles_in_a_run_folder_are_not_run(tmp_path: Path, place: str) -> None:
    from smnas.archive.archive import Archive
    from smnas.archive.header import RunHeader
    from smnas.errors import SmnasError
    from smnas.training.trained_detector import TrainedDetector

    run, mark = tmp_path / "run", tmp_path / "mark"
    header = RunHeader(smnas_version="0", created="-", config={}, data_ids={})
    Archive.create(run, header).close()
    file = run / place
    file.parent.mkdir(parents=True, exist_ok=True)
    bomb = pickle.dumps(Bomb(mark))
    file.write_bytes(bomb)
    for read in (Archive.open, Archive.drive):
        with contextlib.suppress(SmnasError):
            read(run).close()
    with pytest.raises(SmnasError):
        TrainedDetector.load(file, "cpu")
    assert not mark.exists()
    pickle.loads(bomb)  # it does leave a mark
    assert mark.exists()
