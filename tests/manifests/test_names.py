"""Words that the manifest accepts are the words that the rest of the toolkit knows."""

from __future__ import annotations

from typing import get_args, get_type_hints

import pytest

from curation.frames import FrameSettings
from curation.manifest_names import known_names
from curation.manifests.settings import DIALECTS, SAMPLINGS
from curation.mixtures.dialect import Dialect, load_dialect


@pytest.mark.parametrize("name", DIALECTS)
def test_every_dialect_there_is_can_be_loaded(name: str) -> None:
    assert isinstance(load_dialect(name), Dialect)


def test_the_samplings_are_those_of_the_frame_plans() -> None:
    assert set(SAMPLINGS) == set(get_args(get_type_hints(FrameSettings)["sampling"]))


def test_every_filter_that_is_known_tells_its_options() -> None:
    known = known_names()
    assert {"where", "exact_duplicates", "cap"} <= set(known.filters)
    assert set(known.filter_options("cap") or ()) >= {"by", "max"}
    assert known.filter_problem("cap", {"by": ["source"], "max": "many"}) is not None
    assert known.filter_problem("cap", {"by": ["source"], "max": 3}) is None


def test_every_adapter_that_is_known_tells_its_options() -> None:
    known = known_names()
    assert "placeholder" in (known.adapter_options("llava") or ())
