"""What is fuzzed: each target takes a seed, ends well or raises, and says in a word or two how it ended."""

from __future__ import annotations

import os
import shutil
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from itertools import islice
from pathlib import Path
from random import Random

import orjson
import pyarrow.parquet as pq

from curation.errors import CurationError
from curation.records import Location
from tests.fuzzing.files import damage_folder
from tests.fuzzing.frames import any_plan
from tests.fuzzing.ink import any_ink
from tests.fuzzing.manifests import any_manifest

_REMOTE = ("infimm_webmath", "pixmo_cap")  # their rows name URLs: looked at, not fetched
_clean: dict[tuple[str, Path], tuple[Path, Location]] = {}


def adapter(name: str, seed: int, folder: str) -> str:
    """Damage an adapter's fixture, look at its first rows, pull it and encode what was pulled.

    Raises whatever is neither rows, ledger rows nor a CurationError, and AssertionError for counts that do not add up
    and for control characters that reach a terminal.
    """
    place = _fresh(name, Path(folder))
    damage_folder(place[0], Random(seed))
    try:
        _look(name, place[1])
        return "rows of URLs" if name in _REMOTE else _pull(name, place[1], Path(folder))
    except CurationError as err:
        assert str(err).strip(), "an error without words"
        return type(err).__name__


def _fresh(name: str, folder: Path) -> tuple[Path, Location]:
    """Copy an adapter's fixture into a folder of its own, since readers keep what they opened by its path."""
    from tests.sources.test_contract import FIXTURES

    if (name, folder) not in _clean:
        clean = folder / f"clean-{os.urandom(6).hex()}" / name
        clean.mkdir(parents=True)
        _clean[name, folder] = (clean, FIXTURES[name](clean))
    clean, where = _clean[name, folder]
    shutil.rmtree(folder / "damaged", ignore_errors=True)
    copy = folder / "damaged" / f"{os.urandom(6).hex()}"
    shutil.copytree(clean, copy)
    return copy, _moved(where, str(clean), str(copy))


def _moved(where: Location, before: str, after: str) -> Location:
    return replace(
        where,
        uri=tuple(uri.replace(before, after) for uri in where.uri),
        media=where.media and where.media.replace(before, after),
        cache=str(Path(after).parent / "cache"),
        options={
            key: value.replace(before, after) if isinstance(value, str) else value
            for key, value in where.options.items()
        },
    )


def _look(name: str, where: Location) -> None:
    """Print the first rows as `curation peek` does, both ways."""
    from curation.cli.peek import describe_row, print_row
    from curation.cli.printing import print_json
    from curation.sources import load_adapter

    module = load_adapter(name)
    rows = list(islice((row for task in module.tasks(where) for row in module.samples(task)), 3))
    with redirect_stdout(StringIO()) as said:
        print_json([describe_row(row) for row in rows])
    orjson.loads(said.getvalue())
    with redirect_stdout(StringIO()) as said:
        for row in rows:
            print_row(row)
    steering = {character for character in said.getvalue() if not character.isprintable()} - {"\n", "\t"}
    assert not {character for character in steering if character < " " or "\x7f" <= character <= "\x9f"}, steering


def _pull(name: str, where: Location, folder: Path) -> str:
    from curation.mixtures.encode_settings import EncodeSettings
    from curation.mixtures.encode_stage import EncodeTask, encode
    from curation.mixtures.profile import load_profile
    from curation.sources import load_adapter
    from curation.sources.pull import PullTask, pull

    words: set[str] = set()
    settings = EncodeSettings(profile=load_profile("smolvlm2-256m"))
    shutil.rmtree(folder / "pulled", ignore_errors=True)
    (folder / "pulled").mkdir()
    for number, task in enumerate(load_adapter(name).tasks(where)):
        output = folder / "pulled" / f"{number:06d}"
        work = PullTask(task=task, adapter=name, source="fuzzed", seed=0, output=output, video_timeout=20)
        told = pull(work)
        assert told["rows_read"] == told["samples"] + told["rows_unreadable"]
        assert pq.read_metadata(output.with_suffix(".parquet")).num_rows == told["samples"]
        ledger = pq.read_table(output.with_suffix(".ledger.parquet")).to_pylist()
        assert sum(row["action"] == "drop" for row in ledger) == told["rows_unreadable"]
        words |= {row["reason"] for row in ledger} | ({"rows"} if told["samples"] else set())
        tokens = folder / "pulled" / f"{number:06d}-encoded"
        encoded = encode(
            EncodeTask(
                pulled=output.with_suffix(".parquet"),
                output=tokens,
                settings=settings,
                settings_key="fuzz",
                tokenizer="bytes",
            )
        )
        assert encoded["samples"] == told["samples"]
        words |= {row["reason"] for row in pq.read_table(tokens.with_suffix(".ledger.parquet")).to_pylist()}
    return " ".join(sorted(words)) or "nothing"


def run(target: str, seed: int, folder: str) -> str:
    """Run a target by name with a seed: `manifest`, `plans` (of frames), `ink` or an adapter. Returns how it ended."""
    random = Random(seed)
    if target == "manifest":
        return any_manifest(random, Path(folder))
    if target == "plans":
        return any_plan(random)
    return any_ink(random) if target == "ink" else adapter(target, seed, folder)
