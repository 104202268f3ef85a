"""The report on paper: A4 pages through a real browser, and a clear word where there is none."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from browser import chromium
from report_sample import write_sample

from thermoplan.base.errors import InputError, MissingPart
from thermoplan.report import pdf

needs_browser = pytest.mark.skipif(chromium() is None and not os.environ.get("CI"), reason="no Chromium here")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_sample(tmp_path / "run")


@needs_browser
def test_the_report_prints_on_a4(run: Path) -> None:
    path = pdf.write_pdf(run)
    assert path == run / "report.pdf"
    raw = path.read_bytes()
    assert raw.startswith(b"%PDF-")
    pages = re.findall(rb"/Type\s*/Page\b", raw)
    assert 4 <= len(pages) <= 14
    boxes = {tuple(round(float(v)) for v in box.split()) for box in re.findall(rb"/MediaBox\s*\[([^\]]*)\]", raw)}
    assert boxes == {(0, 0, 595, 842)}  # 210 by 297 mm in points
    assert (run / "report.html").is_file()


@needs_browser
def test_the_pdf_lies_where_it_was_asked_for_and_nothing_else_does(run: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert pdf.write_pdf(run, tmp_path / "out" / "mouse.pdf").stat().st_size > 10_000
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mouse.pdf"]
    assert not (run / "report.pdf").exists()
    with pytest.raises(InputError, match="its folder is not there"):
        pdf.write_pdf(run, tmp_path / "none" / "mouse.pdf")


def test_without_a_browser_the_remedy_is_named(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf.shutil, "which", lambda name: None)
    with pytest.raises(MissingPart, match=r"apt-get install chromium.*report\.html in any browser"):
        pdf.write_pdf(run)


def test_a_browser_that_prints_nothing_is_named_with_what_it_said(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "chromium"
    broken.write_text("#!/bin/sh\necho no space left >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(MissingPart, match=r"could not print \(no space left\)"):
        pdf.write_pdf(run)
    assert not (run / "report.pdf").exists()
