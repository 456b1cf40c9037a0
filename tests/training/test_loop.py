import pytest
import torch

from smnas.errors import DataError, TrainingError
from smnas.training.course import Course
from smnas.training.loop import fit
from smnas.training.recipe import OptimizerSettings, Recipe, ScheduleSettings

RECIPE = Recipe(batch=2, precision="float32")


def weights_of(module: torch.nn.Module) -> torch.Tensor:
    return torch.cat([value.flatten().double() for value in module.state_dict().values()])


def test_same_seed_gives_the_same_weights(make_tiny, squares) -> None:
    results = []
    for seed, disturbance in [(5, 0), (5, 99), (6, 0)]:
        torch.manual_seed(disturbance)
        detector = make_tiny()
        fit(detector, squares, RECIPE, epochs=2, seed=seed)
        results.append(weights_of(detector))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_the_callers_random_state_is_left_alone(make_tiny, squares) -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    fit(make_tiny(), squares, RECIPE, epochs=1, seed=0)
    assert torch.equal(torch.rand(3), expected)


def test_loss_falls_and_the_log_counts(make_tiny, squares) -> None:
    detector = make_tiny()
    log = fit(detector, squares, RECIPE, epochs=30, seed=0)
    assert log.steps == 90
    assert log.pictures == 180
    assert [point.step for point in log.curve] == list(range(1, 91))
    assert log.curve[0].parts.keys() == {"box", "noise"}
    assert log.final_loss < 0.5 * log.curve[0].loss
    assert log.curve[-1].learning_rate < 0.1 * max(point.learning_rate for point in log.curve)
    assert log.seconds > 0
    assert log.precision == "float32"
    assert not detector.training


def test_long_curves_are_thinned(make_tiny, make_squares) -> None:
    log = fit(make_tiny(), make_squares(1), RECIPE, epochs=450, seed=0)
    assert log.steps == 450
    assert len(log.curve) == 150
    assert log.curve[-1].step == 450


@pytest.mark.parametrize(
    ("count", "batch", "steps", "pictures"),
    [(6, 4, 1, 4), (3, 4, 1, 3), (1, 16, 1, 1), (8, 4, 2, 8), (5, 1, 5, 5)],
)
def test_partial_batches(make_tiny, make_squares, count, batch, steps, pictures) -> None:
    recipe = RECIPE.model_copy(update={"batch": batch})
    log = fit(make_tiny(), make_squares(count), recipe, epochs=1, seed=0)
    assert (log.steps, log.pictures) == (steps, pictures)


def test_no_pictures(make_tiny, make_squares) -> None:
    with pytest.raises(DataError, match="squares: no pictures"):
        fit(make_tiny(), make_squares(0), RECIPE, epochs=1, seed=0)


def test_no_epochs(make_tiny, squares) -> None:
    with pytest.raises(TrainingError, match="at least 1; got 0"):
        fit(make_tiny(), squares, RECIPE, epochs=0, seed=0)


def test_a_loss_that_is_not_finite_ends_the_training(make_tiny, squares) -> None:
    detector = make_tiny()
    detector.factor = float("inf")
    with pytest.raises(TrainingError, match=r"step 1 of 3: .* box inf, noise .*learning rate"):
        fit(detector, squares, RECIPE, epochs=1, seed=0)
    assert not detector.training
    assert weights_of(detector).isfinite().all()


def test_a_gradient_that_is_not_finite_ends_the_training(make_tiny, squares) -> None:
    detector = make_tiny()
    detector.box.weight.register_hook(lambda gradient: gradient * float("nan"))
    with pytest.raises(TrainingError, match="gradient norm nan"):
        fit(detector, squares, RECIPE, epochs=1, seed=0)
    assert weights_of(detector).isfinite().all()


def test_progress_ends_at_one(make_tiny, squares) -> None:
    calls: list[tuple[float, float]] = []
    fit(
        make_tiny(),
        squares,
        RECIPE,
        epochs=3,
        seed=0,
        progress=lambda share, loss: calls.append((share, loss)),
    )
    shares = [share for share, _ in calls]
    assert shares == sorted(shares)
    assert shares[0] == pytest.approx(1 / 9)
    assert shares[-1] == 1.0
    assert all(loss > 0 for _, loss in calls)


def test_averaged_weights_are_handed_back(make_tiny, squares) -> None:
    still = Recipe(
        batch=2,
        precision="float32",
        averaging=0.9,
        schedule=ScheduleSettings(warmup_share=0.0, final_fraction=1.0),
        optimizer=OptimizerSettings(kind="sgd", learning_rate=0.2),
    )
    plain, averaged = make_tiny(), make_tiny()
    start = weights_of(plain)
    fit(plain, squares, still.model_copy(update={"averaging": 0.0}), epochs=3, seed=0)
    fit(averaged, squares, still, epochs=3, seed=0)
    moved = (weights_of(plain) - start).norm()
    assert 0 < (weights_of(averaged) - start).norm() < moved


def test_initial_weights_come_before_the_first_step(make_tiny, squares, tmp_path) -> None:
    path = tmp_path / "start.pth"
    torch.save({"box.weight": torch.full((4, 512), 1e3), "epoch": 1}, path)
    log = fit(
        make_tiny(), squares, RECIPE.model_copy(update={"initial_weights": path}), epochs=1, seed=0
    )
    assert log.initial_weights is not None
    assert 0.5 < log.initial_weights.share < 1
    assert log.curve[0].loss > 100


def test_bf16_trains_too(make_tiny, squares) -> None:
    recipe = RECIPE.model_copy(update={"precision": "bf16"})
    log = fit(make_tiny(), squares, recipe, epochs=5, seed=0)
    assert log.precision == "bf16"
    assert log.final_loss < log.curve[0].loss


@pytest.mark.parametrize("parts", [2, 3, 4, 9])
def test_a_batch_in_parts_is_the_same_step(make_tiny, make_squares, parts) -> None:
    results = []
    for batch_parts in (1, parts):
        detector = make_tiny()
        recipe = Recipe(batch=4, precision="float32", optimizer=OptimizerSettings(kind="sgd"))
        log = fit(detector, make_squares(8), recipe, Course(3, batch_parts=batch_parts), seed=0)
        results.append((weights_of(detector), log.final_loss, log.steps, log.pictures))
    (whole, loss, *counts), (split, split_loss, *split_counts) = results
    assert torch.allclose(whole, split, rtol=1e-5, atol=1e-6)
    assert split_loss == pytest.approx(loss, rel=1e-5)
    assert split_counts == counts == [6, 24]
