"""Find and read the files of a benchmark: rows of Parquet, JSON Lines and JSON, and folders of images."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from glob import glob
from itertools import islice
from pathlib import Path
from typing import IO, Any

from curation.credentials import collapsed, escaped
from curation.errors import FilterError, StorageError, nearest
from curation.filters.benchmarks import BENCHMARKS, Benchmark
from curation.media_root import IMAGE_SUFFIXES
from curation.storage import file_system, is_url, open_file, retried, tag
from curation.storage_listing import is_glob, is_object_folder, list_objects

ROW_SUFFIXES = (".parquet", ".jsonl", ".ndjson", ".json", ".jsonl.gz", ".json.gz", ".jsonl.zst")
LINE_SUFFIXES = (".jsonl", ".ndjson", ".jsonl.gz", ".jsonl.zst")
BATCH_ROWS = 64


def named(place: str) -> Benchmark:
    """Return what an entry of `against` stands for: a ready benchmark by its name, or files and folders of one's own.

    A manifest makes paths absolute, so a benchmark is also meant by a path that ends in its name where nothing is.
    """
    last = place.rstrip("/").rpartition("/")[2]
    if "://" not in place and last in BENCHMARKS and not Path(place).exists():
        return BENCHMARKS[last]
    above = place.rstrip("/").rpartition("/")[0].rpartition("/")[2]
    name = above if "*" in last else last.partition(".")[0].rstrip("-_")
    return Benchmark(name=name or last, places=(place,))


def list_files(benchmark: Benchmark, *, option: str = "against") -> list[str]:
    """Return the files of a benchmark, ordered; those of a folder by their endings. Raises FilterError for none."""
    found = [path for place in benchmark.places for path in _expand(place)]
    if not found:
        place = benchmark.places[0]
        last = place.rstrip("/").rpartition("/")[2]
        names = (
            f"{nearest(last, BENCHMARKS)} (by name there are {', '.join(BENCHMARKS)})" if option == "against" else ""
        )
        raise FilterError(
            f"filters.contamination.{option}: no file of rows or images matches '{place}'{names}; correct the path"
        )
    return found


def stamp(path: str) -> str:
    """Return a file's path, size and time (local) or tag (remote), by which a change is noticed."""
    if "://" not in path:
        stat = Path(path).stat()
        return f"{path} {stat.st_size} {stat.st_mtime_ns}"
    system, name = file_system(path)
    return f"{path} {tag(retried(lambda: system.info(name), path))}"


def is_image(path: str) -> bool:
    """Say whether a file is an image, by its ending."""
    return _ends(path, *IMAGE_SUFFIXES)


def field_names(path: str) -> list[str]:
    """Return the names of the fields of a file's rows (of its first 1,000, for JSON). Raises FilterError."""
    if not _ends(path, ".parquet"):
        return list(dict.fromkeys(name for row in islice(_json_rows(path), 1000) for name in row))
    import pyarrow as pa
    import pyarrow.parquet as pq

    with _opened(path) as file:
        try:
            return list(pq.read_schema(file).names)
        except (pa.ArrowException, OSError) as err:
            raise _unreadable(path, err) from err


def read_rows(path: str, columns: list[str]) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of a file with these columns, in order. Raises FilterError for what can't be read."""
    if not _ends(path, ".parquet"):
        yield from _json_rows(path)
        return
    import pyarrow as pa
    import pyarrow.parquet as pq

    with _opened(path) as file:
        try:
            for batch in pq.ParquetFile(file).iter_batches(BATCH_ROWS, columns=columns):
                yield from batch.to_pylist()
        except (pa.ArrowException, OSError) as err:
            raise _unreadable(path, err) from err


def _expand(place: str) -> list[str]:
    if "://" in place:
        return _expand_remote(place)
    path = Path(place)
    if path.is_dir():
        files = (item for item in sorted(path.rglob("*")) if not item.name.startswith("."))
        return [str(item) for item in files if _is_wanted(str(item)) and item.is_file()]
    if path.is_file():
        return [place]
    return sorted(item for item in glob(place, recursive=True) if _is_wanted(item))  # noqa: PTH207  `**` in the middle


def _expand_remote(place: str) -> list[str]:
    try:
        system, _ = file_system(place)
        names = [str(entry["name"]) for entry in list_objects(place)]
        if not is_glob(place) and is_object_folder(place):
            names = [name for name in names if _is_wanted(name)]
        return sorted(collapsed(escaped(system.unstrip_protocol(name)), place) for name in names)
    except StorageError:
        raise
    except FileNotFoundError:
        return []
    except Exception as err:  # each remote file system has errors of its own
        raise FilterError(
            f"filters.contamination.against: can't list '{place}' ({type(err).__name__}: {err}); check the network and "
            "the token (HF_TOKEN), or name a local copy"
        ) from err


def _is_wanted(path: str) -> bool:
    return _ends(path, *ROW_SUFFIXES) or is_image(path)


def _ends(path: str, *endings: str) -> bool:
    return path.lower().endswith(endings)


def _json_rows(path: str) -> Iterator[Mapping[str, Any]]:
    """Yield rows of JSON Lines, of a JSON list, or of a JSON mapping of ids to rows (MathVista's layout)."""
    import orjson

    with _opened(path) as file:
        try:
            if _ends(path, *LINE_SUFFIXES):
                for line in file:
                    if line.strip():
                        yield _row(orjson.loads(line), path)
                return
            whole = orjson.loads(file.read())
        except (orjson.JSONDecodeError, OSError) as err:
            raise _unreadable(path, err) from err
    if isinstance(whole, dict) and whole and all(isinstance(row, dict) for row in whole.values()):
        whole = [{"id": key, **row} for key, row in whole.items()]
    for row in whole if isinstance(whole, list) else [whole]:
        yield _row(row, path)


def _row(row: object, path: str) -> Mapping[str, Any]:
    if not isinstance(row, Mapping):
        raise FilterError(
            f"filters.contamination.against: {path} has a row that is {json.dumps(row)[:40]}, no mapping; mend "
            "the file or leave it out"
        )
    return row


@contextmanager
def _opened(path: str) -> Iterator[IO[bytes]]:
    from fsspec.compression import compr
    from fsspec.utils import infer_compression

    try:
        file: Any = open_file(path) if is_url(path) else Path(path).open("rb")  # noqa: SIM115  closed below
        if _ends(path, ".gz", ".zst"):
            with file, compr[infer_compression(path.lower())](file, mode="rb") as packed:
                file = io.BytesIO(packed.read())
    except StorageError:
        raise
    except Exception as err:  # each remote file system and each compression has errors of its own
        raise _unreadable(path, err) from err
    with file:
        yield file


def _unreadable(path: str, err: Exception) -> FilterError:
    said = " ".join(str(err).split())
    return FilterError(f"filters.contamination.against: can't read {path} ({said}); mend the file or leave it out")
