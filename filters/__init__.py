"""Filters: what is dropped or flagged, with a ledger row for each decision."""

from __future__ import annotations

from curation.filters.filter import SAMPLE_COLUMNS, Filter, Tables, filter_inputs
from curation.filters.loading import filter_options, load_filter

FILTERS: dict[str, str] = {
    "balance": "curation.filters.balance:Balance",
    "cap": "curation.filters.cap:Cap",
    "contamination": "curation.filters.contamination:Contamination",
    "datatrove": "curation.filters.datatrove_rules:Datatrove",
    "exact_duplicates": "curation.filters.exact_duplicates:ExactDuplicates",
    "media": "curation.filters.media:Media",
    "near_duplicate_images": "curation.filters.near_duplicate_images:NearDuplicateImages",
    "near_duplicate_text": "curation.filters.near_duplicate_text:NearDuplicateText",
    "near_duplicate_videos": "curation.filters.near_duplicate_videos:NearDuplicateVideos",
    "placeholders": "curation.filters.placeholders:Placeholders",
    "repetition": "curation.filters.repetition:Repetition",
    "text_quality": "curation.filters.text_quality:TextQuality",
    "where": "curation.filters.where:Where",
}

__all__ = ["FILTERS", "SAMPLE_COLUMNS", "Filter", "Tables", "filter_inputs", "filter_options", "load_filter"]
