"""Lighthouse on the pages that a learner opens first, in the running demo, against the targets we set ourselves.

Pages are reached by a real launch from the demo LMS; Lighthouse then opens the tool's own address with the same cookie,
as a phone on a slow line (its default: simulated slow 4G, CPU four times slower). Each page is measured several times,
the median counts.
"""

import json
import os
import shutil
import statistics
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

import httpx
from playwright.sync_api import Frame, expect, sync_playwright

from benchmarks.rows import Row
from tests.browser.demo import Demo, running_demo
from tests.browser.visitor import QUIET, Cookies, Visitor, open_browser

LIGHTHOUSE = Path(__file__).parent / "node_modules" / "lighthouse" / "cli" / "index.js"
TARGETS = {"performance": 98, "accessibility": 100, "best-practices": 100}
COOKIE = "__Host-coursebridge"
COURSE, QUIZ = "First steps with data", "Quiz 1: Words and numbers"
INCLUDES = "Lighthouse 12, phone, simulated slow 4G; median; points of 100; ours divided by the target"


@dataclass(frozen=True)
class Opened:
    """A page of the tool and what opens it."""

    name: str
    url: str
    cookie: str


def run(rounds: int) -> list[Row]:
    """Every page in every category. Raises: RuntimeError: Lighthouse could not measure a page."""
    with tempfile.TemporaryDirectory() as folder, running_demo("moodle", Path(folder)) as demo:
        pages = list_pages(demo, Path(folder))
        return [row for opened in pages for row in measure(opened, rounds)]


def list_pages(demo: Demo, folder: Path) -> list[Opened]:
    """Launch as a learner and note the addresses; a page that this release does not have is left out."""
    with (
        sync_playwright() as playwright,
        open_browser(playwright, folder / "browser", demo.tool, demo.lms, Cookies.ALL, (1280, 800)) as context,
    ):
        ada = Visitor(demo, "ada", context.pages[0], "ada")
        ada.sign_in()
        found = {}
        ada.open_activity(QUIZ)
        found["quiz page"] = _frame(ada).url
        ada.open_activity(COURSE)
        found["course page"] = _frame(ada).url
        session = found["course page"].partition("/courses/")[0]
        ada.tool.locator("main a[href*='/courses/']").first.click()
        expect(ada.tool.locator("main h1")).not_to_have_text(COURSE)
        found["lesson"] = _frame(ada).url
        found["course list"] = urljoin(session + "/", "courses/")
        [cookie] = [kept for kept in context.cookies() if kept.get("name") == COOKIE]
        value = f"{COOKIE}={cookie['value']}"
        return [Opened(name, url, value) for name, url in found.items() if _answers(url, value)]


def measure(opened: Opened, rounds: int) -> list[Row]:
    """The medians of one page."""
    scores = [ask_lighthouse(opened) for _ in range(rounds)]
    rows = []
    for category, target in TARGETS.items():
        median = statistics.median(score[category] for score in scores)
        name = f"Lighthouse {category}, {opened.name}"
        rows.append(Row(name, median, target, "our target", round(median / target, 2), "", rounds, INCLUDES))
    return rows


def ask_lighthouse(opened: Opened) -> dict[str, float]:
    """Points from 0 to 100 by category; what lost some is printed."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        flags = " ".join(["--headless=new", *QUIET])
        command = ["node", str(LIGHTHOUSE), opened.url, "--quiet", "--output=json", f"--output-path={report}"]
        command += [f"--only-categories={','.join(TARGETS)}", f"--chrome-flags={flags}"]
        command += [f"--extra-headers={json.dumps({'Cookie': opened.cookie})}"]
        environment = {**os.environ, "CHROME_PATH": shutil.which("chromium") or "chromium"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=180)
        if done.returncode or not report.exists():
            raise RuntimeError(f"Lighthouse could not measure the {opened.name}: {done.stderr[-2000:]}")
        told = json.loads(report.read_text())
    scores = {category: 100 * told["categories"][category]["score"] for category in TARGETS}
    lost = [
        f"{audit['id']} {audit.get('displayValue', '')}".strip()
        for category in told["categories"].values()
        for reference in category["auditRefs"]
        for audit in [told["audits"][reference["id"]]]
        if reference["weight"] and audit["score"] is not None and audit["score"] < 0.98
    ]
    print(f"{opened.name}: {scores}" + (f", points lost by {', '.join(lost)}" if lost else ""), flush=True)
    return scores


def _frame(visitor: Visitor) -> Frame:
    frame = visitor.page.frame("tool")
    if frame is None:
        raise RuntimeError("the activity did not open in a frame")
    return frame


def _answers(url: str, cookie: str) -> bool:
    status = httpx.get(url, headers={"Cookie": cookie}).status_code
    if status != 200:
        print(f"left out: {url.rpartition('/s/')[2].partition('/')[2]} answers {status}", flush=True)
    return status == 200
