"""Values: what one detector is."""

from smnas.arch.detector_arch import DetectorArch

__all__ = ["DetectorArch"]
