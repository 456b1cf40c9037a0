"""Made pictures of real parts, as many as wanted; ``NOTICE.md`` tells where the parts come from."""

from smnas.data.scenes.load import load_scenes
from smnas.data.scenes.settings import SCENES_NAMES, ScenesSettings, names_scenes

__all__ = ["SCENES_NAMES", "ScenesSettings", "load_scenes", "names_scenes"]
