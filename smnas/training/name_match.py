"""Which tensors of a foreign file belong where: by name, after a change of prefix, and by shape."""

from collections.abc import Mapping

from torch import Tensor

_THEIR_PREFIXES = ("", "module.", "model.", "backbone.", "backbone.body.", "body.")
_OUR_PREFIXES = ("", "backbone.", "backbone.body.", "backbone.stages.")


def match_names(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> dict[str, str]:
    """Return our name to their name under the change of prefix that fits most numbers.

    Underscores are read as dots, since timm's pyramids write ``stages_0`` for ``stages.0``.

    Args:
        ours: The detector's tensors.
        theirs: The file's.
    """
    plain = {_plain(name): name for name in ours}
    best: dict[str, str] = {}
    best_numbers = 0
    for their_prefix in _THEIR_PREFIXES:
        for our_prefix in _OUR_PREFIXES:
            found = {
                plain[name]: other
                for other, value in theirs.items()
                if other.startswith(their_prefix)
                and (name := _plain(our_prefix + other.removeprefix(their_prefix))) in plain
                and ours[plain[name]].shape == value.shape
            }
            numbers = sum(ours[name].numel() for name in found)
            if numbers > best_numbers:
                best, best_numbers = found, numbers
    return best


def _plain(name: str) -> str:
    return name.replace("_", ".")
