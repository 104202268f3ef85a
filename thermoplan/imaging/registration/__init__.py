"""Bringing an image into the anatomy's frame: from landmarks, from intensities, or as a file says.

``rigid`` fits paired landmarks; ``intensity`` searches with SimpleITK, which it alone loads.
"""

from .registration import Landmarks, Registration
from .rigid import rigid_from_landmarks

__all__ = ["Landmarks", "Registration", "rigid_from_landmarks"]
