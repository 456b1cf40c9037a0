from itertools import pairwise

from smnas.training.progress import ThrottledProgress


def test_at_most_five_calls_a_second_and_the_last_step_always() -> None:
    now = 0.0
    calls: list[tuple[float, float]] = []
    progress = ThrottledProgress(lambda share, loss: calls.append((now, share)), lambda: now)
    for step in range(1, 1001):
        now = step * 0.003
        progress.report(step / 1000, loss=1.0)
    assert calls[0][1] == 0.001
    assert calls[-1] == (3.0, 1.0)
    gaps = [later - earlier for (earlier, _), (later, _) in pairwise(calls[:-1])]
    assert min(gaps) >= 0.2
    assert len(calls) >= 14


def test_no_callback_is_fine() -> None:
    ThrottledProgress(None).report(1.0, 0.5)
