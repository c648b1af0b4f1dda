"""Filters from what the manifest says."""

from __future__ import annotations

from typing import Any

import pytest

from curation.errors import ManifestError
from curation.filters import FILTERS, filter_options, load_filter
from curation.filters.cap import Cap
from curation.filters.exact_duplicates import ExactDuplicates
from curation.filters.where import Where


def test_the_table_of_filters_is_sorted_and_every_entry_says_its_own_name() -> None:
    assert list(FILTERS) == sorted(FILTERS)
    for name, target in FILTERS.items():
        module, _, attribute = target.partition(":")
        found = getattr(__import__(module, fromlist=[attribute]), attribute)
        assert found.name == name
        assert found.version >= 1


def test_a_string_stands_for_the_first_option() -> None:
    assert load_filter("where", "turns < 9") == Where(sql="turns < 9")
    assert load_filter("exact_duplicates", "media") == ExactDuplicates(scope="media")


def test_lists_become_tuples_and_one_name_a_list_of_one() -> None:
    assert load_filter("cap", {"by": "source", "max": 3}) == Cap(by=("source",), max=3)
    assert load_filter("cap", {"by": ["source", "kind"], "max": 3}) == Cap(by=("source", "kind"), max=3)


@pytest.mark.parametrize(("said", "questions"), [(False, 0), (True, 10), (4, 4)])
def test_merge_turns_is_true_or_a_number_of_questions(said: bool | int, questions: int) -> None:
    made = load_filter("exact_duplicates", {"merge_turns": said})
    assert isinstance(made, ExactDuplicates)
    assert made.max_questions == questions


def test_options_are_the_fields() -> None:
    assert filter_options("cap") == ("by", "max", "action")
    assert filter_options("where") == ("sql", "action")


def test_a_third_party_filter_is_named_by_module_and_class() -> None:
    assert load_filter("curation.filters.cap:Cap", {"by": ["kind"], "max": 1}) == Cap(by=("kind",), max=1)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("exact_duplicate", None, "no filter named 'exact_duplicate'; did you mean 'exact_duplicates'?"),
        ("where", None, "'sql' is missing"),
        ("where", {"sqll": "true"}, "no option named 'sqll'; did you mean 'sql'?"),
        ("where", ["true"], "write a mapping"),
        ("where", {"sql": True}, "write text"),
        ("where", {"sql": "true", "action": "dorp"}, "did you mean 'drop'"),
        ("cap", {"by": ["source"], "max": "9"}, "max is '9'; write a whole number"),
        ("cap", {"by": ["source"], "max": True}, "write a whole number"),
        ("cap", {"by": [3], "max": 1}, "by is 3; write text"),
        ("exact_duplicates", {"merge_turns": "all"}, "merge_turns is 'all'; write a whole number"),
        ("exact_duplicates", {"merge_turns": 1}, "merge_turns is 1; write true or the most questions of a sample"),
        ("exact_duplicates", {"merge_turns": True, "scope": "media"}, "merge_turns needs scope sample and action drop"),
        ("exact_duplicates", {"merge_turns": 3, "action": "flag"}, "merge_turns needs scope sample and action drop"),
        ("curation.nowhere:Filter", None, "can't load 'curation.nowhere:Filter'"),
        ("curation.filters.cap:Cup", {}, "can't load"),
    ],
)
def test_wrong_options_are_refused_with_the_nearest_name_or_the_type(name: str, options: Any, message: str) -> None:
    with pytest.raises(ManifestError) as error:
        load_filter(name, options)
    assert message in str(error.value)
