"""What every adapter keeps: it is run over a small dataset in its published layout."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.errors import ManifestError, SourceError
from curation.records import KINDS, Location, Sample
from curation.sources import ADAPTERS, load_adapter
from curation.sources.options import check_options
from tests.sources.image_layouts import IMAGE_FIXTURES
from tests.sources.layouts import (
    image_bytes,
    location,
    read_all,
    talk,
    video_bytes,
    with_task_bytes,
    write,
    write_lines,
    write_list,
    write_tar,
)
from tests.sources.text_layouts import TEXT_FIXTURES
from tests.sources.video_layouts import VIDEO_FIXTURES


def _pairs_parquet(folder: Path, *, more: dict[str, Any] | None = None) -> Location:
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    text = pa.struct([("user", pa.string()), ("assistant", pa.string()), ("source", pa.string())])
    columns = {
        "images": pa.array([[{"bytes": image_bytes(), "path": None}]] * 40, pa.list_(image)),
        "texts": pa.array(
            [[{"user": f"What is {n}?", "assistant": "Red.", "source": "drawn"}] for n in range(40)], pa.list_(text)
        ),
        **{name: pa.array([value] * 40) for name, value in (more or {}).items()},
    }
    pq.write_table(pa.table(columns), folder / "train-00000-of-00001.parquet", row_group_size=8)
    return location(folder)


def _finevision(folder: Path) -> Location:
    return _pairs_parquet(folder, more={"source": "drawn", "relevance_min": 4, "relevance_ratings": [4, 5]})


def _llava(folder: Path) -> Location:
    write_tar(folder / "media" / "a.tar", {"a/red.png": image_bytes()})
    rows = [{"id": n, "image": "a/red.png", "conversations": talk("<image>\nWhat is it?")} for n in range(30)]
    write_lines(folder / "rows" / "a.jsonl", rows)
    write_list(folder / "rows" / "b.json", rows)
    return location(folder / "rows", media=folder / "media")


def _chat(folder: Path) -> Location:
    write(folder / "red.png", image_bytes())
    parts = [{"type": "image_url", "image_url": {"url": "red.png"}}, {"type": "text", "text": "What is it?"}]
    row = {"messages": [{"role": "user", "content": parts}, {"role": "assistant", "content": "Red."}]}
    write_lines(folder / "a.jsonl", [row] * 30)
    return location(folder / "a.jsonl")


def _text(folder: Path) -> Location:
    write_lines(folder / "a.jsonl", [{"text": f"Document {n}.", "id": str(n)} for n in range(50)])
    return location(folder)


def _images(folder: Path) -> Location:
    for number in range(12):
        write(folder / f"{number}.png", image_bytes())
        write(folder / f"{number}.txt", b"Red.")
    return location(folder, question="Which colour?")


def _videos(folder: Path) -> Location:
    for number in range(3):
        write(folder / f"{number}.mp4", video_bytes())
    write_list(folder / "captions.json", [{"video": f"{number}.mp4", "caption": "Red."} for number in range(3)])
    return location(folder, question="What happens?")


def _frames(folder: Path) -> Location:
    for video in ("a", "b"):
        for number in range(3):
            write(folder / video / f"{number}.jpg", image_bytes(form="JPEG"))
    rows = [{"video": name, "question": "What happens?", "answer": "Nothing."} for name in ("a", "b")]
    write_lines(folder / "annotations.jsonl", rows)
    return location(folder, fps=2)


def _captions(folder: Path) -> Location:
    write(folder / "red.png", image_bytes())
    lines = ["image,caption", *(f'red.png,"A red ""square"",\nnumber {n}"' for n in range(30))]
    write(folder / "captions.csv", "\n".join(lines).encode())
    write_lines(folder / "more.jsonl", [{"file_name": "red.png", "text": "A red square."}] * 30)
    return location(folder)


def _webdataset(folder: Path) -> Location:
    members: dict[str, bytes] = {}
    for number in range(20):
        members |= {f"{number:04d}.png": image_bytes(), f"{number:04d}.txt": b"A red square."}
    write_tar(folder / "shard-000000.tar", members)
    return location(folder)


def _hub(folder: Path) -> Location:
    for shard in range(3):
        cells = [{"bytes": image_bytes(), "path": None}] * 4
        columns = {"image": cells, "query": [f"Colour {n}?" for n in range(4)], "label": [["Red."]] * 4}
        (folder / "data").mkdir(exist_ok=True)
        pq.write_table(pa.table(columns), folder / "data" / f"train-{shard:05d}-of-00003.parquet")
    return location(folder, question_field="query", answer_field="label")


FIXTURES: dict[str, Callable[[Path], Location]] = {
    "captions": _captions,
    "cauldron": _pairs_parquet,
    "chat": _chat,
    "docmatix": _pairs_parquet,
    "finevision": _finevision,
    "frames": _frames,
    "hub": _hub,
    "images": _images,
    "llava": _llava,
    "text": _text,
    "videos": _videos,
    "webdataset": _webdataset,
    **IMAGE_FIXTURES,
    **TEXT_FIXTURES,
    **VIDEO_FIXTURES,
}


def test_every_adapter_has_a_fixture() -> None:
    assert FIXTURES.keys() >= ADAPTERS.keys()
    assert list(ADAPTERS) == sorted(ADAPTERS)


@pytest.mark.parametrize("name", FIXTURES)
def test_rows_do_not_depend_on_the_split(name: str, tmp_path: Path) -> None:
    where = FIXTURES[name](tmp_path)
    whole = read_all(name, where)
    assert len(load_adapter(name).tasks(with_task_bytes(where, 100))) > 1
    for task_bytes in (1, 100, 700, 5000):
        rows = read_all(name, with_task_bytes(where, task_bytes))
        assert rows == whole


@pytest.mark.parametrize("name", FIXTURES)
def test_samples_of_clean_data_have_unique_keys_and_an_answer(name: str, tmp_path: Path) -> None:
    rows = read_all(name, FIXTURES[name](tmp_path))
    keys = [row.row_key for row in rows]
    assert len(set(keys)) == len(keys) >= 2
    for row in rows:
        assert isinstance(row, Sample), row
        assert row.turns[-1].role == "assistant"
        assert str(tmp_path) not in row.row_key


@pytest.mark.parametrize("name", FIXTURES)
def test_tasks_are_plain_values_in_a_stable_order(name: str, tmp_path: Path) -> None:
    where = FIXTURES[name](tmp_path)
    tasks = load_adapter(name).tasks(where)
    assert tasks == load_adapter(name).tasks(where)
    assert pickle.loads(pickle.dumps(tasks)) == tasks


@pytest.mark.parametrize("name", FIXTURES)
def test_known_numbers_of_rows_are_true(name: str, tmp_path: Path) -> None:
    adapter = load_adapter(name)
    for task in adapter.tasks(with_task_bytes(FIXTURES[name](tmp_path), 100)):
        if task.num_rows is not None:
            keys = [row.row_key for row in adapter.samples(task)]
            assert keys == [f"{task.key}:{task.first_row + n}" for n in range(task.num_rows)]


@pytest.mark.parametrize("name", FIXTURES)
def test_the_card_tells_what_a_user_needs(name: str) -> None:
    card = load_adapter(name).CARD
    assert card.name == name
    assert card.title and card.license and card.layout and card.columns
    assert set(card.kinds) <= set(KINDS)
    assert all(card.options.values()) and all(card.columns.values())


@pytest.mark.parametrize("name", FIXTURES)
def test_an_unknown_option_is_refused_with_the_nearest(name: str, tmp_path: Path) -> None:
    adapter = load_adapter(name)
    option = next(iter(adapter.CARD.options))
    with pytest.raises(ManifestError, match=f"no option named '{option}s'; did you mean '{option}'"):
        check_options(adapter.CARD, {f"{option}s": 1})
    with pytest.raises(ManifestError):
        adapter.tasks(Location(uri=(str(tmp_path),), options={f"{option}s": 1}))


@pytest.mark.parametrize("name", FIXTURES)
def test_a_missing_or_empty_place_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for uri in (tmp_path / "gone", tmp_path / "*.none", tmp_path / "empty"):
        with pytest.raises(SourceError, match=str(uri).replace("*", r"\*")):
            load_adapter(name).tasks(location(uri))
