"""Files of rows that lie: bombs, endless lines, nesting, counts, pipes, names that steer terminals."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from curation import decompressed
from curation.errors import SourceError
from curation.records import Drop
from curation.sources import json_list, jsonl, pulled_rows
from curation.sources.files import SourceFile
from curation.sources.parquet import parquet_tasks
from curation.sources.row_keys import RowKeys
from tests.hostile.reading import forget_peak, outcomes, peak_bytes
from tests.sources.layouts import location, write

ROW = b'{"text": "a document"}\n'
MANY = b"a" * (20 << 20)


def _gzip_bomb(head: bytes) -> bytes:
    return gzip.compress(head) + gzip.compress(MANY, 9) * 20


def _zstd_bomb(head: bytes) -> bytes:
    compressor = zstandard.ZstdCompressor()
    return compressor.compress(head) + compressor.compress(MANY) * 20


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.jsonl.gz", _gzip_bomb(ROW)),
        ("a.jsonl.zst", _zstd_bomb(ROW)),
        ("a.json.gz", _gzip_bomb(b'[{"text": "a document"}, "')),
    ],
)
def test_a_compressed_bomb_costs_one_row_and_little_memory(
    name: str, data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limits are lowered to a sixteenth: 64 MiB of bomb, 8 MiB of row."""
    monkeypatch.setattr(decompressed, "BOMB_BYTES", 64 << 20)
    for module in (jsonl, json_list):
        monkeypatch.setattr(module, "MAX_ROW_BYTES", 8 << 20)
    forget_peak()
    before = peak_bytes()
    told = outcomes("text", location(write(tmp_path / name, data)), tmp_path)
    assert told[0] == "ok" and len(told) == 2 and told[1] in ("row_too_large", "truncated_file")
    assert peak_bytes() - before < 250 << 20


def test_a_line_beyond_the_limit_is_a_row_with_its_size_and_the_next_ones_keep_their_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jsonl, "MAX_ROW_BYTES", 100)
    monkeypatch.setattr(jsonl, "_BLOCK_BYTES", 64)
    path = write(tmp_path / "a.jsonl", ROW + b'{"text": "' + b"a" * 500 + b'"}\n' + ROW + b"b" * 300)
    where = location(path)
    rows = [row for task in jsonl.json_tasks(SourceFile(path=str(path), key="a.jsonl", num_bytes=1), where)
            for row in jsonl.json_rows(task)]  # fmt: skip
    assert [getattr(row, "reason", "ok") for row in rows] == ["ok", "row_too_large", "ok", "row_too_large"]
    assert [row.row_key if isinstance(row, Drop) else row.key for row in rows] == [f"a.jsonl:{n}" for n in range(4)]
    assert [getattr(row, "measured", None) for row in rows] == [None, 512, None, 300]


@pytest.mark.parametrize("levels", [900, 2000, 100_000])
@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_nesting_without_end_is_a_row_that_is_no_json(levels: int, name: str, tmp_path: Path) -> None:
    row = b'{"text": "a", "b": ' + b"[" * levels + b"]" * levels + b"}"
    path = write(tmp_path / name, row + b"\n" if name == "a.jsonl" else b"[" + row + b"]")
    assert outcomes("text", location(path), tmp_path) == ["ok" if levels == 900 else "invalid_json"]


def test_the_ledger_of_a_file_of_bad_lines_is_written_as_it_grows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulled_rows, "_LEDGER_ROWS", 1000)
    path = write(tmp_path / "a.jsonl", b"x\n" * 3500)
    assert outcomes("text", location(path), tmp_path) == ["invalid_json"] * 3500
    (ledger,) = tmp_path.glob("pulled-*.ledger.parquet")
    assert pq.read_metadata(ledger).num_row_groups == 4


def test_row_keys_are_met_once_whatever_their_order() -> None:
    keys = RowKeys("a:")
    order = [*range(0, 200, 2), *range(0, 200), 7, 300, 301, 299, 299]
    met: set[int] = set()
    for number in order:
        assert keys.add(f"a:{number}") == (number not in met)
        met.add(number)
    assert keys.add("a:007") and not keys.add("a:007") and keys.add("b:1") and keys.add("a:") and not keys.add("a:")


def test_a_row_group_that_states_more_rows_than_its_file_has_bytes_is_refused(tmp_path: Path) -> None:
    """The count stands as a varint in the footer; the file is otherwise whole."""
    path = tmp_path / "a.parquet"
    rows = 123_456
    pq.write_table(pa.table({"text": pa.array(["a"] * rows)}), path)
    data = path.read_bytes()
    footer = int.from_bytes(data[-8:-4], "little")
    start = len(data) - 8 - footer
    lied = data[:start] + data[start:].replace(_varint(2 * rows), _varint(2 * 2_000_000))
    assert lied != data and len(lied) > len(data)
    lied = lied[:-8] + (footer + len(lied) - len(data)).to_bytes(4, "little") + b"PAR1"
    path.write_bytes(lied)
    with pytest.raises(SourceError, match="states a row group of 2000000 rows"):
        parquet_tasks(SourceFile(path=str(path), key="a.parquet", num_bytes=len(lied)), location(path))


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number >= 128:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


def test_a_pipe_among_the_files_is_passed_over_and_one_that_is_named_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", ROW)
    os.mkfifo(tmp_path / "b.jsonl")
    assert outcomes("text", location(tmp_path), tmp_path / "out") == ["ok"]
    with pytest.raises(SourceError, match="a pipe or a device"):
        outcomes("text", location(tmp_path / "b.jsonl"), tmp_path)
    with pytest.raises(SourceError, match="a pipe or a device"):
        outcomes("text", location("/dev/zero"), tmp_path)


def test_a_pipe_among_the_media_is_missing_and_one_among_the_archives_is_passed_over(tmp_path: Path) -> None:
    row = {"image": "a.png", "conversations": [{"from": "human", "value": "<image>"}, {"from": "gpt", "value": "Red."}]}
    path = write(tmp_path / "rows.jsonl", json.dumps(row).encode())
    for name in ("a.png", "b.tar", "c.zip"):
        (tmp_path / "media").mkdir(exist_ok=True)
        os.mkfifo(tmp_path / "media" / name)
    assert outcomes("llava", location(path, media=tmp_path / "media"), tmp_path) == ["missing_media"]


def test_a_parquet_file_whose_name_is_no_utf_8_is_read(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.parquet")
    with path.open("wb") as file:
        pq.write_table(pa.table({"text": ["a document"]}), file)
    assert outcomes("text", location(path), tmp_path / "out") == ["ok"]
