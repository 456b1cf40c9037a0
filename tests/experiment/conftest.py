import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

STAND_IN = Path(__file__).parent / "stand_in_search.py"


@pytest.fixture(scope="session")
def stand_in() -> ModuleType:
    """The script `stand_in_search.py` as a module."""
    spec = importlib.util.spec_from_file_location("stand_in_search", STAND_IN)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
