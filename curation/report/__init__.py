"""One self-contained HTML page about a build, and pages of single packs and samples: no script, no request, offline."""

from __future__ import annotations

from curation.report.page import report_page, shown_page

__all__ = ["report_page", "shown_page"]
