"""The embedded aerial photographs; ``NOTICE.md`` beside them tells where they come from."""

from smnas.data.trees.load import load_trees

__all__ = ["load_trees"]
