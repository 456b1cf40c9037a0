import pytest
import torch

from smnas.errors import ConfigError
from smnas.training.precision import autocast, choose_precision

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"avx512_bf16": True, "architecture": "x86_64"}, "bf16"),
        ({"avx512_bf16": False, "amx_bf16": True}, "bf16"),
        ({"avx2": True, "avx512_bf16": False, "cpu_name": "bf16"}, "float32"),
        ({}, "float32"),
    ],
)
def test_auto_is_bf16_only_where_the_cpu_computes_in_it(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, object], expected: str
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert choose_precision(CPU, "auto") == expected


def test_a_torch_that_cannot_tell_computes_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert choose_precision(CPU, "auto") == "float32"


def test_an_explicit_choice_is_taken_at_its_word() -> None:
    assert choose_precision(CPU, "bf16") == "bf16"
    assert choose_precision(CPU, "float32") == "float32"


def test_bf16_needs_autocast() -> None:
    with pytest.raises(ConfigError, match="meta"):
        choose_precision(torch.device("meta"), "bf16")


@pytest.mark.parametrize(
    ("precision", "dtype"), [("bf16", torch.bfloat16), ("float32", torch.float32)]
)
def test_context_computes_in_the_precision(precision: str, dtype: torch.dtype) -> None:
    layer = torch.nn.Linear(4, 4)
    with autocast(CPU, precision):
        assert layer(torch.ones(1, 4)).dtype is dtype
    assert layer(torch.ones(1, 4)).dtype is torch.float32
