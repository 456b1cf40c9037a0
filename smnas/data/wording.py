"""How numbers are told in sentences about data."""


def count(number: int, thing: str) -> str:
    """Return a number and what it counts, such as ``1 box``, ``3 boxes`` and ``4,000 pictures``."""
    if number == 1:
        return f"1 {thing}"
    return f"{number:,} {thing}" + ("es" if thing.endswith(("x", "s")) else "s")
