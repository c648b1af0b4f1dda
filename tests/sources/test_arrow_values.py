"""Values of Arrow columns: the same as pyarrow's own, for every type that datasets hold."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.sources.arrow_values import python_values

SCALARS: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (pa.string(), st.text(max_size=5)),
    (pa.large_string(), st.text(max_size=5)),
    (pa.binary(), st.binary(max_size=5)),
    (pa.large_binary(), st.binary(max_size=5)),
    (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    (pa.float64(), st.floats(allow_nan=False)),
    (pa.bool_(), st.booleans()),
]


def typed(depth: int) -> st.SearchStrategy[tuple[Any, st.SearchStrategy[Any]]]:
    """Draw an Arrow type and a strategy for its values, nulls among them."""
    scalar = st.sampled_from(SCALARS)
    if depth == 0:
        return scalar
    inner = typed(depth - 1)
    lists = st.tuples(inner, st.sampled_from([pa.list_, pa.large_list])).map(
        lambda drawn: (drawn[1](drawn[0][0]), st.lists(st.none() | drawn[0][1], max_size=3))
    )
    structs = st.lists(inner, min_size=1, max_size=3).map(
        lambda drawn: (
            pa.struct([(f"f{number}", kind) for number, (kind, _) in enumerate(drawn)]),
            st.fixed_dictionaries({f"f{number}": st.none() | values for number, (_, values) in enumerate(drawn)}),
        )
    )
    return scalar | lists | structs


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_values_are_those_of_to_pylist(data: st.DataObject) -> None:
    kind, values = data.draw(typed(3))
    array = pa.array(data.draw(st.lists(st.none() | values, max_size=8)), kind)
    start = data.draw(st.integers(0, len(array)))
    part = array.slice(start, data.draw(st.integers(0, len(array) - start)))
    assert python_values(part) == part.to_pylist()


@pytest.mark.parametrize(
    "array",
    [
        pa.array(["a", None, "a"]).dictionary_encode(),
        pa.array([{}, None], pa.struct([])),
        pa.array([[1, 2], None], pa.list_(pa.int8(), 2)),
        pa.array([None, None]),
        pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int32())),
        pa.array([], pa.list_(pa.string())),
    ],
)
def test_other_types_go_the_usual_way(array: Any) -> None:
    assert python_values(array) == array.to_pylist()
