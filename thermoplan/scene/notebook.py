"""Notebook frame of the scene, which holds its own page and needs no server and no extension."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True, slots=True)
class Embedded:
    """A page that a notebook shows in a frame."""

    page: str
    height_px: int = 560

    def __repr__(self) -> str:
        return f"Embedded(a scene of {len(self.page) / 1e6:.1f} MB; a notebook shows it)"

    def _repr_html_(self) -> str:
        style = f"width: 100%; height: {self.height_px}px; border: 1px solid #d9d5cc"
        return (
            f'<iframe title="Interactive scene: organs, iron, isotherms and FFR path" sandbox="allow-scripts" '
            f'style="{style}" srcdoc="{escape(self.page)}"></iframe>'
        )


def in_notebook() -> bool:
    """True if this interpreter serves a notebook."""
    shell = sys.modules.get("IPython")
    running = shell.get_ipython() if shell is not None else None
    return running is not None and "IPKernelApp" in running.config
