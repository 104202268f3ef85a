"""The report in a real browser: silent, offline, legible, and its scene turns. Needs a Chromium on the machine."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from browser import Visit, chromium, visit
from report_sample import sample_anatomy, sample_fields, write_sample, write_sample_fields

from thermoplan import scene
from thermoplan.report import write_report
from thermoplan.report.figures import FieldView, write_figures

pytestmark = pytest.mark.skipif(
    chromium() is None and not os.environ.get("CI"), reason="no Chromium here: the page is checked as text only"
)  # in CI its absence is a failure

CONTRAST = """
(() => {
  const light = c => { const v = c / 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4 };
  const parse = s => (s.match(/[\\d.]+/g) || []).map(Number);
  const shine = c => 0.2126 * light(c[0]) + 0.7152 * light(c[1]) + 0.0722 * light(c[2]);
  const ground = e => {
    for (; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] === 1) return c;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const e of document.querySelectorAll('body *')) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    const style = getComputedStyle(e), box = e.getBoundingClientRect();
    if (!box.width || !box.height || ['TITLE', 'STYLE', 'title', 'desc'].includes(e.tagName)) continue;
    const ink = parse(e.namespaceURI.includes('svg') ? style.fill : style.color);
    const [a, b] = [shine(ink), shine(ground(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05), size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    if (ratio < (large ? 3 : 4.5)) poor.push(`${e.textContent.trim().slice(0, 30)}: ${ratio.toFixed(2)}`);
  }
  return poor;
})()
"""
HIDDEN = """
[...document.querySelectorAll('svg, img, iframe')].filter(e => {
  const chart = e.closest('.chart') || e;
  if (e.closest('.print-only, .live .still') || getComputedStyle(chart).display === 'none') return false;
  const box = e.getBoundingClientRect();
  return box.width < 150 || box.height < 60;
}).length
"""
SHOWN = """[...document.querySelectorAll('.chart')].filter(e => getComputedStyle(e).display !== 'none').length"""
WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
READY = """new Promise(done => { const look = setInterval(() => {
  if (document.querySelector('.live')) { clearInterval(look); done() } }, 100) })"""  # the slices move what is below
TO_SCENE = f"{READY}.then(() => document.querySelector('iframe.scene').scrollIntoView({{block: 'center'}}))"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = write_sample(tmp_path_factory.mktemp("browser") / "run")
    anatomy = sample_anatomy()
    fields = sample_fields(anatomy)
    write_sample_fields(run, anatomy, fields)
    hottest = anatomy.points_m[int(np.argmax(fields["temperature_peak_c"]))]
    view = FieldView(
        anatomy, fields["temperature_peak_c"], fields["cem43_min"], fields["iron_mg_ml"], hottest, np.array([hottest])
    )
    names = write_figures(view, run / "figures")
    plan = json.loads((run / "plan.json").read_text(encoding="utf-8"))
    plan["figures"] |= names
    (run / "plan.json").write_text(json.dumps(plan).replace('"bowel"', '"<script>bowel"'), encoding="utf-8")
    scene.write_png(run, run / "figures" / "scene.png")
    scene.write_html(run, run / "figures" / "scene.html")
    return write_report(run)


def silent(seen: Visit, page: Path) -> None:
    """No error, and nothing asked of any address but the page itself and what it carries."""
    assert [e for e in seen.errors if "GPU stall" not in e] == []  # software drawing remarks on its own pictures
    assert [r for r in seen.requests if not r.startswith(("data:", "blob:", page.resolve().as_uri()))] == []


@pytest.mark.parametrize("width", [1280, 400])
def test_the_page_is_silent_offline_and_legible(page: Path, width: int) -> None:
    steps = [("eval", TO_SCENE), ("wait", 4.0), *(("eval", script) for script in (CONTRAST, HIDDEN, SHOWN, WIDE))]
    seen = visit(page, steps, width=width)
    silent(seen, page)
    _, poor, hidden, shown, too_wide = seen.answers
    assert poor == []
    assert hidden == 0
    assert shown >= 11
    assert too_wide <= 0


def test_the_scene_turns_under_a_drag(page: Path) -> None:
    still: list[bytes] = []

    def drawn(png: bytes) -> bool:
        """Two pictures in a row are the same, and the scene's frame is not empty."""
        settled = bool(still) and not _changed(still[-1], png)
        still.append(png)
        return settled and _coloured(png)

    pulls = [step for _ in range(5) for step in (("drag", (640, 450, 840, 450)), ("wait", 3.0), ("shot", None))]
    seen = visit(page, [("eval", TO_SCENE), ("until", drawn), *pulls])
    silent(seen, page)
    before, *after = seen.pictures
    assert _coloured(before), "the scene never showed"
    assert any(_coloured(png) and _changed(before, png) for png in after), "the scene did not turn"


def _changed(before: bytes, after: bytes) -> bool:
    """By more than a lit edge, in a window with much white in it."""
    return bool((np.abs(_pixels(before) - _pixels(after)).max(axis=2) > 30).mean() > 0.005)


READING = "document.querySelector('#slices output').textContent"
TO_SLICES = f"{READY}.then(() => document.getElementById('slices').scrollIntoView())"
CENTRE = """(() => { const box = document.querySelector('[data-plane="0,2,1"]').getBoundingClientRect();
  return [box.left, box.top, box.width, box.height] })()"""


def test_the_slices_are_linked(page: Path) -> None:
    """They open at the hottest point; a drag in the coronal slice moves R and S and leaves A."""
    first = visit(page, [("eval", TO_SLICES), ("wait", 1.0), ("eval", READING), ("eval", CENTRE)])
    left, top, width, height = first.answers[2]
    goal = (left + 0.5 * width, top + 0.5 * height)
    drag = ("drag", (goal[0] - 20, goal[1], *goal))
    seen = visit(page, [("eval", TO_SLICES), ("wait", 1.0), ("eval", READING), drag, ("wait", 1.0), ("eval", READING)])
    silent(seen, page)
    before, after = (_numbers(words) for words in seen.answers[1:])
    anatomy = sample_anatomy()
    peak = sample_fields(anatomy)["temperature_peak_c"]
    hottest_mm = 1e3 * anatomy.points_m[int(np.argmax(peak))]
    assert before[:3] == pytest.approx(hottest_mm, abs=0.5)
    assert before[3] == pytest.approx(peak.max(), abs=0.3)
    assert after[1] == before[1]
    # The middle of the window: of the whole width, and of the lower 45 mm of a body from -26 to 26 mm.
    assert after[[0, 2]] == pytest.approx([0.0, -26.0 + 22.5], abs=0.6)


def _numbers(words: str) -> np.ndarray:
    """R, A, S in mm and degrees C out of the line under the slices."""
    found = re.findall(r"-?\d+\.\d+", words.replace("−", "-"))
    return np.array(found[:4], float)


def _coloured(png: bytes) -> bool:
    """The scene's frame, in the middle of the window, is not empty."""
    return bool((np.ptp(_pixels(png)[150:750, 100:1180], axis=2) > 60).mean() > 0.005)


def _pixels(png: bytes) -> np.ndarray:
    import io

    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), float)
