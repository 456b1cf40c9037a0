"""What tests of several rooms are given: a cache of their own, COCO files, PostgreSQL."""

import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

MakeCoco = Callable[..., Path]

# What a shell runs in the background is deaf to Ctrl-C, and so would be all that tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory):
    """A run folder with a front of one detector, judged in torch; tests do not change it."""
    from made_run import make_run

    return make_run(tmp_path_factory.mktemp("finished") / "run")


@pytest.fixture(scope="session")
def package_folder(finished_run, tmp_path_factory):
    """The front package of that run; tests do not change it."""
    from smnas.experiment.packaging import make_packages

    (made,) = make_packages(finished_run, tmp_path_factory.mktemp("packages"))
    return made.folder


@pytest.fixture(scope="session")
def exported_run(finished_run, package_folder, tmp_path_factory):
    """The same run, judged in onnxruntime; tests do not change it."""
    from made_run import make_exported

    return make_exported(finished_run, package_folder, tmp_path_factory.mktemp("exported") / "run")


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """Send what is cached to a folder that goes with the test run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SMNAS_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def coco_content() -> dict[str, Any]:
    """Six pictures of 64 x 48 with one box each; category ids neither contiguous nor from 1."""
    return {
        "images": [
            {"id": 10 + i, "file_name": f"picture_{i}.jpg", "width": 64, "height": 48}
            for i in range(6)
        ],
        "annotations": [
            {
                "id": 100 + i,
                "image_id": 10 + i,
                "category_id": (7, 3)[i % 2],
                "bbox": [4 + i, 5, 20, 16],
                "iscrowd": 0,
            }
            for i in range(6)
        ],
        "categories": [{"id": 7, "name": "cat"}, {"id": 3, "name": "dog"}],
    }


@pytest.fixture
def make_coco(tmp_path: Path, coco_content: dict[str, Any]) -> MakeCoco:
    """Write a COCO file and a JPEG for each of its pictures; returns the file's path."""

    def make(content: Any = None, name: str = "my.json", pictures: bool = True) -> Path:
        content = coco_content if content is None else content
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
        (path.parent / "images").mkdir(exist_ok=True)
        if pictures:
            rng = np.random.default_rng(0)
            for image in content["images"]:
                shape = (image["height"], image["width"], 3)
                noise = rng.integers(0, 255, shape, dtype=np.uint8)
                Image.fromarray(noise).save(path.parent / "images" / image["file_name"])
        return path

    return make


_PLACES = ("/usr/lib/postgresql/*/bin", "/opt/homebrew/opt/postgresql*/bin")


class PostgresServer:
    """A server in a folder of its own, reached through a socket there, with a user for the tests.

    PostgreSQL refuses to run as root, so that root runs it as another user.
    """

    def __init__(self, binaries: Path, folder: Path) -> None:
        self._binaries, self._folder = binaries, folder
        self._user = None if os.getuid() else _unprivileged()
        if self._user:
            shutil.chown(folder, self._user)
        self._call("initdb", "--auth=trust", "--username=smnas", "--no-sync", "--encoding=UTF8")
        settings = f"unix_socket_directories = '{folder}'\nlisten_addresses = ''\nfsync = off\n"
        with (folder / "data" / "postgresql.conf").open("a") as file:
            file.write(settings)
        self.start()

    @property
    def url(self) -> str:
        return f"postgresql://smnas@/postgres?host={self._folder}"

    def start(self) -> None:
        self._call("pg_ctl", "start", "--wait", f"--log={self._folder}/log")

    def stop(self, how: str = "fast") -> None:
        self._call("pg_ctl", "stop", "--wait", f"--mode={how}")

    def _call(self, name: str, *arguments: str) -> None:
        command = [str(self._binaries / name), f"--pgdata={self._folder}/data", *arguments]
        done = subprocess.run(
            command,
            user=self._user,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # the server keeps what it is given: no pipe
            stderr=subprocess.DEVNULL,
        )
        if done.returncode:
            log = self._folder / "log"
            pytest.fail(f"{name}: {log.read_text() if log.exists() else done.returncode}")


def _unprivileged() -> str:
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _find_binaries() -> Path | None:
    places = [folder for pattern in _PLACES for folder in Path("/").glob(pattern[1:])]
    on_path = shutil.which("initdb")
    places += [Path(on_path).parent] if on_path else []
    return next((p for p in sorted(places, reverse=True) if (p / "initdb").exists()), None)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    binaries = _find_binaries()
    if binaries is None:
        message = "no PostgreSQL server on this machine: the archive was NOT tested on one"
        if os.environ.get("SMNAS_REQUIRE_POSTGRES") == "1":
            pytest.fail(message)
        pytest.skip(message)
    folder = Path(tempfile.mkdtemp(prefix="smnas-pg-"))  # short enough for a socket's path
    server = PostgresServer(binaries, folder)
    yield server
    server.stop("immediate")
    shutil.rmtree(folder)
