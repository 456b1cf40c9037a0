"""What Ray alone can do: data sent to where they are missing, machines that come and go."""

import os
import threading
import time
from collections.abc import Iterator

import pytest
from scripted_world import BrokenWorld, FolderStore, ScriptedWorld, keep_sent, succeed

from smnas.errors import ConfigError, MissingFileError, SmnasError
from smnas.execution.work import Limits
from smnas.trial.trial import Outcome

pytest.importorskip("ray", reason="needs Ray")

from smnas.execution.ray_cluster import RayExecutor, Share, connected


def make_executor(world, folder, slots: int = 2) -> RayExecutor:
    parts = (lambda _: Limits(), lambda *_: None, keep_sent)
    return RayExecutor(world, slots, Share(), FolderStore(folder), *parts)


def drain(executor: RayExecutor) -> dict[int, Outcome]:
    ended: dict[int, Outcome] = {}
    while not executor.idle():
        ended.update(executor.wait())
    return ended


@pytest.fixture
def sent_to(tmp_path, monkeypatch, local_ray) -> Iterator[str]:
    """Where the workers of the local Ray keep what was sent: they have read it at their start."""
    return os.environ["SMNAS_TEST_SENT"]


@pytest.fixture
def notes(tmp_path):
    (tmp_path / "notes").mkdir()
    return tmp_path / "notes"


def test_data_are_sent_once_to_a_machine_that_lacks_them(notes, tmp_path, sent_to, make_trial):
    world = ScriptedWorld(notes, data=tmp_path / "nowhere")
    executor = make_executor(world, tmp_path)
    for number in range(5):
        executor.submit(make_trial(number))
    assert drain(executor) == dict.fromkeys(range(5), succeed())
    executor.close()
    kept = os.path.join(sent_to, world.key)
    assert sorted(os.listdir(kept)) == ["a", "second"]


def test_data_that_cannot_be_read_after_they_were_sent_end_the_search(
    tmp_path, sent_to, make_trial
):
    executor = make_executor(BrokenWorld(MissingFileError("gone")), tmp_path)
    executor.submit(make_trial(0))
    with pytest.raises(MissingFileError, match="gone"):
        drain(executor)
    assert not executor.idle()
    executor.close()


def test_world_that_breaks_ends_the_search_with_its_last_words(tmp_path, sent_to, make_trial):
    executor = make_executor(BrokenWorld(KeyError("ids")), tmp_path)
    executor.submit(make_trial(0))
    with pytest.raises(SmnasError, match="ended: KeyError: 'ids'"):
        drain(executor)
    executor.close()


@pytest.mark.parametrize(
    ("share", "resources", "rooms"),
    [
        (Share(), {"CPU": 8.0}, 8),
        (Share(cpus=3), {"CPU": 8.0}, 2),
        (Share(cpus=1, gpus=0.5), {"CPU": 64.0, "GPU": 2.0}, 4),
        (Share(cpus=1, gpus=2), {"CPU": 64.0, "GPU": 8.0}, 4),
        (Share(cpus=1, gpus=1), {"CPU": 64.0}, 0),
    ],
)
def test_slots_that_a_machine_has_room_for(share, resources, rooms):
    assert share.fits(resources) == rooms


@pytest.mark.slow
def test_node_taken_away_in_mid_trial_and_a_new_one_joining(
    notes, tmp_path, make_trial, monkeypatch
):
    from ray.cluster_utils import Cluster

    here = os.path.dirname(__file__)
    monkeypatch.setenv("PYTHONPATH", f"{here}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    first = cluster.add_node(num_cpus=2)
    world = ScriptedWorld(notes, dict.fromkeys(range(2), "sleep 6"))
    with connected(cluster.address, None, Share()) as slots:
        assert slots == 2
        executor = make_executor(world, tmp_path, slots)
        for number in range(4):
            executor.submit(make_trial(number))

        ended: dict[int, Outcome] = {}
        driver = threading.Thread(target=lambda: ended.update(drain(executor)))
        driver.start()
        while not (world.attempts(0) and world.attempts(1)):
            time.sleep(0.1)
        cluster.remove_node(first, allow_graceful=False)
        cluster.add_node(num_cpus=2)  # in the main thread, where alone Ray sets its signals
        driver.join()
        assert ended == dict.fromkeys(range(4), succeed())
        executor.close()
    cluster.shutdown()
    assert [len(world.attempts(number)) for number in range(4)] == [2, 2, 1, 1]


@pytest.mark.slow
def test_no_machine_has_room():
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    message = "no machine of the cluster has 4 cores and 0 GPUs"
    with pytest.raises(ConfigError, match=message), connected(cluster.address, None, Share(4)):
        raise AssertionError("there is no room")
    cluster.shutdown()


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "127.0.0.1:99999"])
def test_no_cluster_at_the_address(address, monkeypatch):
    monkeypatch.setattr("ray.is_initialized", lambda: False)  # whatever ran before
    with (
        pytest.raises(ConfigError, match=f"no Ray cluster at '{address}'"),
        connected(address, 1, Share()),
    ):
        raise AssertionError("there is no cluster")
