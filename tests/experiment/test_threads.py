import pytest
import torch

from smnas.experiment import threads
from smnas.experiment.threads import one_core_left


@pytest.mark.parametrize(
    ("cores", "set_by_user", "inside"), [(1, 1, 1), (2, 2, 1), (8, 8, 7), (8, 3, 3)]
)
def test_one_core_is_left_to_the_loader(monkeypatch, cores, set_by_user, inside):
    before = torch.get_num_threads()
    monkeypatch.setattr(threads, "usable_cores", lambda: cores)
    torch.set_num_threads(set_by_user)
    try:
        with one_core_left():
            assert torch.get_num_threads() == inside
        assert torch.get_num_threads() == set_by_user
    finally:
        torch.set_num_threads(before)
