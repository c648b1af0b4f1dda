"""The report in headless Chromium: no message on its console, no request, nothing of a dataset runs."""

from __future__ import annotations

import http.server
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from curation.builds import open_build
from curation.report import report_page
from tests.report.hostile import PICTURE, write_hostile_build

pytestmark = pytest.mark.slow
CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)


class _Counting(http.server.BaseHTTPRequestHandler):
    paths: list[str]

    def do_GET(self) -> None:
        self.paths.append(self.path)
        self.send_error(404)

    def log_message(self, format: str, *arguments: object) -> None:
        """Stay silent."""


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    """Serve on loopback; give the address and the paths asked for."""
    if not CHROMIUM:
        pytest.skip("no Chromium here; install the package chromium")
    _Counting.paths = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Counting) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}/asked", _Counting.paths
        serving.shutdown()


def _open(page: Path, profile: Path) -> tuple[str, str]:
    """Open a page and return its DOM after it ran, and what its console said."""
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    command += ["--disable-component-update", "--enable-logging=stderr", "--virtual-time-budget=2000"]
    command += [f"--user-data-dir={profile}", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)


def test_a_browser_asks_for_nothing_and_runs_nothing_of_a_dataset(
    server: tuple[str, list[str]], tmp_path: Path
) -> None:
    url, asked = server
    page = tmp_path / "report.html"
    page.write_text(report_page(open_build(write_hostile_build(tmp_path / "tiny", url=url))), "utf-8")
    dom, console = _open(page, tmp_path / "profile")
    assert "<title>tiny: report</title>" in dom
    assert "&lt;script&gt;document.title='taken'" in dom
    assert (console, asked) == ("", [])


def test_the_same_markup_unescaped_would_be_noticed(server: tuple[str, list[str]], tmp_path: Path) -> None:
    url, asked = server
    page = tmp_path / "open.html"
    page.write_text(f"<!doctype html><title>open</title>{PICTURE.format(url=url)}", "utf-8")
    dom, _ = _open(page, tmp_path / "profile")
    assert "<title>taken</title>" in dom
    assert asked == ["/asked"]


def test_even_unescaped_markup_would_be_stopped_by_the_page_s_policy(
    server: tuple[str, list[str]], tmp_path: Path
) -> None:
    url, asked = server
    text = report_page(open_build(write_hostile_build(tmp_path / "tiny")), per_source=0)
    page = tmp_path / "policy.html"
    page.write_text(text.replace("</h1>", "</h1>" + PICTURE.format(url=url), 1), "utf-8")
    dom, console = _open(page, tmp_path / "profile")
    assert "<title>tiny: report</title>" in dom
    assert "Content Security Policy" in console
    assert asked == []
