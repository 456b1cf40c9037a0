"""What exporters and converters remark about themselves is kept from the user."""

import logging
import warnings
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def quiet(logger_name: str | None = None) -> Generator[None]:
    """Let no warning out of the block, and of a logger errors alone; None: of all loggers."""
    logger = logging.getLogger(logger_name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
