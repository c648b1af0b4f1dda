"""The hub adapter: local folders through `datasets`, and a hub of our own that refuses without a token."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.errors import ManifestError, SourceError
from curation.records import Address, Image, Location, Sample
from curation.sources import load_adapter
from tests.sources.layouts import (
    flags,
    image_bytes,
    location,
    only_drop,
    only_sample,
    read_all,
    reasons,
    shape,
    talk,
    write,
    write_lines,
)


def _cell() -> dict[str, Any]:
    return {"bytes": image_bytes(), "path": None}


def _parquet(folder: Path, columns: dict[str, Any], name: str = "train-00000-of-00001.parquet") -> Path:
    (folder / "data").mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), folder / "data" / name)
    return folder


def test_questions_answers_and_images_are_mapped(tmp_path: Path) -> None:
    columns = {"image": [_cell()], "query": ["Colour?"], "label": [["Red.", "red"]], "human_or_machine": [0]}
    where = location(
        _parquet(tmp_path, columns), question_field="query", answer_field="label", columns="human_or_machine"
    )
    sample = only_sample("hub", where)
    assert shape(sample) == [["[image]", "Colour?"], ["Red."]]
    assert sample.columns == {"human_or_machine": 0}
    assert flags(sample) == ["several_answers"]
    assert sample.row_key == "train/00000:0"


def test_a_conversation_and_its_images(tmp_path: Path) -> None:
    columns = {"images": [[_cell(), _cell()]], "messages": [[*talk("<image> and <image>: same?")]]}
    sample = only_sample("hub", location(_parquet(tmp_path, columns)))
    assert shape(sample) == [["[image]", " and ", "[image]", ": same?"], ["Red."]]


def test_typed_parts_take_the_images_of_the_row(tmp_path: Path) -> None:
    parts = [{"type": "image", "text": None}, {"type": "text", "text": "Colour?"}]
    answer = [{"type": "text", "text": "Red."}]
    messages = [{"role": "user", "content": parts}, {"role": "assistant", "content": answer}]
    sample = only_sample("hub", location(_parquet(tmp_path, {"images": [[_cell()]], "messages": [messages]})))
    assert shape(sample) == [["[image]", "Colour?"], ["Red."]]


def test_a_list_of_pairs_is_one_conversation(tmp_path: Path) -> None:
    pairs = [{"answer": "Red.", "question": "Colour?"}, {"answer": "A square.", "question": "Form?"}]
    sample = only_sample("hub", location(_parquet(tmp_path, {"image": [_cell()], "qa": [pairs]})))
    assert shape(sample) == [["[image]", "Colour?"], ["Red."], ["Form?"], ["A square."]]
    lists = [{"question": ["Colour?", "Form?"], "answer": ["Red.", "A square."]}]
    columns = {"image": [_cell()], "turns": lists}
    again = only_sample("hub", location(_parquet(tmp_path / "lists", columns), pairs_field="turns"))
    assert shape(again) == shape(sample)


def test_a_document_is_an_answer_without_a_question(tmp_path: Path) -> None:
    where = location(_parquet(tmp_path, {"text": ["A page.", " "], "url": ["http://a", "http://b"]}))
    assert reasons(read_all("hub", where)) == ["no_question", "no_answer"]
    rows = read_all("hub", Location(uri=where.uri, options={"text_field": "text"}))
    assert reasons(rows) == ["ok", "no_text"]
    assert isinstance(rows[0], Sample) and shape(rows[0]) == [["A page."]]


def test_classes_come_from_the_dataset(tmp_path: Path) -> None:
    import datasets

    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["blue", "red"])})
    rows = {"image": [_cell()], "label": [1]}
    datasets.Dataset.from_dict(rows, features=features).to_parquet(
        _parquet(tmp_path, {"a": [1]}) / "data" / "t.parquet"
    )
    where = location(tmp_path, data_files="data/t.parquet", question="Colour?")
    assert shape(only_sample("hub", where)) == [["[image]", "Colour?"], ["red"]]


def test_folders_of_save_to_disk_and_of_images_are_read(tmp_path: Path) -> None:
    import datasets

    rows = {"question": ["Why?", "How?"], "answer": ["So.", "Thus."]}
    datasets.DatasetDict({"dev": datasets.Dataset.from_dict(rows)}).save_to_disk(tmp_path / "saved")
    found = read_all("hub", location(tmp_path / "saved", split="dev"))
    assert [row.row_key for row in found] == ["dev/00000:0", "dev/00000:1"]
    write(tmp_path / "pictures" / "train" / "red.png", image_bytes())
    write_lines(tmp_path / "pictures" / "train" / "metadata.jsonl", [{"file_name": "red.png", "text": "A red square."}])
    image = only_sample("hub", location(tmp_path / "pictures")).turns[0].parts[0]
    assert isinstance(image, Image) and isinstance(image.content, Address)
    assert image.name == "train/red.png"
    assert Path(image.content.path).read_bytes() == image_bytes()


def test_an_image_with_neither_bytes_nor_file_is_missing(tmp_path: Path) -> None:
    cells = [{"bytes": None, "path": "gone.png"}, {"bytes": None, "path": None}]
    table = pa.table(
        {"image": pa.array(cells, pa.struct({"bytes": pa.binary(), "path": pa.string()})), "text": ["a", "b"]}
    )
    (tmp_path / "data").mkdir()
    pq.write_table(table, tmp_path / "data" / "train.parquet")
    assert reasons(read_all("hub", location(tmp_path))) == ["missing_media", "missing_media"]


def test_a_damaged_shard_is_one_drop_and_the_others_are_read(tmp_path: Path) -> None:
    for shard in range(3):
        columns = {"question": [f"Why {n}?" for n in range(50)], "answer": ["So."] * 50}
        _parquet(tmp_path, columns, f"train-{shard:05d}-of-00003.parquet")
    path = tmp_path / "data" / "train-00001-of-00003.parquet"
    write(path, path.read_bytes()[:200])
    found = reasons(read_all("hub", location(tmp_path)))
    assert found == ["ok"] * 50 + ["damaged_shard"] + ["ok"] * 50


def test_what_is_no_dataset_is_said_with_the_fix(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="for a dataset of the hub give hf://datasets/<owner>/<name>"):
        read_all("hub", location(tmp_path / "owner" / "name"))
    with pytest.raises(ManifestError, match=r"uri is 's3://a/b'; give hf://"):
        read_all("hub", location("s3://a/b"))
    with pytest.raises(ManifestError, match="2 uris are given; a source is one dataset"):
        read_all("hub", location([tmp_path, tmp_path]))
    _parquet(tmp_path, {"question": ["Why?"], "answer": ["So."]})
    with pytest.raises(SourceError, match=r"Bad split: tset.*check the name, the config and the split"):
        read_all("hub", location(tmp_path, split="tset"))


def test_a_row_without_the_named_column_is_told_what_there_is(tmp_path: Path) -> None:
    drop = only_drop("hub", location(_parquet(tmp_path, {"a": ["Why?"], "b": ["So."]}), answer_field="answer"))
    assert drop.detail["detail"] == "no field 'answer'; the row has a, b"


class _Gate(BaseHTTPRequestHandler):
    """Answers as the hub does to a reader without a token, for the dataset `owner/gated`."""

    def do_GET(self) -> None:
        body = json.dumps({"error": "Access to dataset owner/gated is restricted."}).encode()
        self.send_response(401)
        self.send_header("X-Error-Code", "GatedRepo")
        self.send_header("X-Error-Message", "Access to dataset owner/gated is restricted.")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def gated_hub() -> Iterator[str]:
    """Serve a hub that is gated; return its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Gate)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_gated_dataset_names_the_variable_of_the_token(gated_hub: str, tmp_path: Path) -> None:
    code = (
        "from curation.errors import SourceError\n"
        "from curation.records import Location\n"
        "from curation.sources import hub\n"
        "try:\n"
        "    hub.tasks(Location(uri=('hf://datasets/owner/gated',)))\n"
        "except SourceError as err:\n"
        "    print(err)\n"
    )
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    environment |= {"HF_ENDPOINT": gated_hub, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "0"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "source: can't stream 'hf://datasets/owner/gated'" in done.stdout
    assert "accept its terms on the hub and set HF_TOKEN" in done.stdout


def test_tasks_are_the_shards(tmp_path: Path) -> None:
    for shard in range(3):
        _parquet(tmp_path, {"question": ["Why?"], "answer": ["So."]}, f"train-{shard:05d}-of-00003.parquet")
    tasks = load_adapter("hub").tasks(location(tmp_path))
    assert [task.key for task in tasks] == ["train/00000", "train/00001", "train/00002"]


def test_a_system_prompt_of_a_column_of_its_own_comes_first_also_before_typed_parts(tmp_path: Path) -> None:
    talk_parts = [
        {"role": "user", "content": [{"type": "text", "text": "Why?"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "So."}]},
    ]
    for name, messages in (("typed", talk_parts), ("plain", talk("Why?", "So."))):
        where = location(
            _parquet(tmp_path / name, {"rules": ["Be brief."], "messages": [messages]}), system_field="rules"
        )
        assert shape(only_sample("hub", where)) == [["Be brief."], ["Why?"], ["So."]]
