import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F
from torchvision.ops import sigmoid_focal_loss

from smnas.detector.losses import focal_sum, smooth_l1_sum

SHAPE = (3, 2, 4, 5)


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 2**31),
    positives=st.integers(0, 12),
    gamma=st.sampled_from([1.0, 1.5, 2.0]),
    scale=st.sampled_from([1.0, 10.0, 60.0]),
)
def test_focal_loss_and_gradient_are_torchvisions(
    seed: int, positives: int, gamma: float, scale: float
) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = (torch.randn(SHAPE, generator=generator) * scale).requires_grad_()
    wanted = torch.zeros(SHAPE)
    flat = torch.randperm(wanted.numel(), generator=generator)[:positives]
    wanted.view(-1)[flat] = 1
    positive = wanted.nonzero(as_tuple=True)
    counts = torch.rand(3, 2, 5, generator=generator) < 0.8
    counts |= wanted.bool().any(dim=2)

    theirs = sigmoid_focal_loss(logits, wanted, alpha=0.25, gamma=gamma) * counts[:, :, None]
    (their_grad,) = torch.autograd.grad(theirs.sum() * 3, logits)
    ours = focal_sum(logits, positive, counts, 0.25, gamma)
    (our_grad,) = torch.autograd.grad(ours * 3, logits)
    torch.testing.assert_close(ours, theirs.sum(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(our_grad, their_grad, rtol=1e-4, atol=1e-5)


def test_focal_loss_of_half_precision_logits_is_computed_in_float32() -> None:
    logits = torch.randn(SHAPE, generator=torch.Generator().manual_seed(0)).bfloat16()
    counts = torch.ones(3, 2, 5, dtype=torch.bool)
    none = (torch.zeros(0, dtype=torch.int64),) * 4
    half = focal_sum(logits.requires_grad_(), none, counts, 0.25, 2.0)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, focal_sum(logits.float(), none, counts, 0.25, 2.0))
    (grad,) = torch.autograd.grad(half, logits)
    assert grad.dtype == torch.bfloat16


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 2**31),
    rows=st.integers(0, 9),
    beta=st.sampled_from([0.0, 0.11, 1 / 9, 1.0]),
    scale=st.sampled_from([0.01, 1.0, 100.0]),
)
def test_smooth_l1_sum_is_torchs_in_float32(
    seed: int, rows: int, beta: float, scale: float
) -> None:
    generator = torch.Generator().manual_seed(seed)
    one, two = torch.randn(2, rows, 4, generator=generator) * scale
    half = one.bfloat16().requires_grad_()
    found = smooth_l1_sum(half, two, beta)
    wanted = F.smooth_l1_loss(half.detach().float(), two, beta=beta, reduction="sum")
    torch.testing.assert_close(found, wanted)
    (grad,) = torch.autograd.grad(found, half)
    assert grad.isfinite().all()
