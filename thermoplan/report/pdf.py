"""The report on paper: the page printed by a Chromium that is on the machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from ..base.errors import InputError, MissingPart
from .page import write_report

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
LIMIT_S = 180.0
_FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-pdf-header-footer",
)


def write_pdf(run: Path, path: Path | None = None) -> Path:
    """Render ``report.html`` again and print it to ``path``, else ``report.pdf`` in the run folder."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise MissingPart(
            "a PDF needs a Chromium or Chrome on this machine: install one (Debian: apt-get install chromium), "
            f"or open {Path(run) / 'report.html'} in any browser and print it"
        )
    page = write_report(run)
    target = Path(path) if path is not None else page.with_suffix(".pdf")
    if not target.resolve().parent.is_dir():
        raise InputError(f"{target}: its folder is not there; make it, or choose another place")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        draft = Path(home) / "report.pdf"
        _print(browser, page, draft, Path(home))
        shutil.move(draft, target)
    return target


def _print(browser: str, page: Path, draft: Path, home: Path) -> None:
    sandbox = () if os.geteuid() else ("--no-sandbox",)  # a browser of root's has no sandbox to start in
    command = [
        browser,
        *_FLAGS,
        *sandbox,
        f"--user-data-dir={home / 'profile'}",
        f"--print-to-pdf={draft}",
        page.resolve().as_uri(),
    ]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        raise MissingPart(f"{browser} did not print within {LIMIT_S:.0f} s; print {page} by hand") from None
    if not (draft.is_file() and draft.stat().st_size):
        said = (ended.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise MissingPart(f"{browser} could not print ({said}); print {page} by hand")
