"""What a planned build will cost: disk, time at the rates of this machine's last run, steps, GPU hours."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from curation.builds import Build

EVENTS = "events.jsonl"
_UNITS = ("frames", "rows", "bytes")
_NEEDED = ('"task_done"', '"stage_end"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How fast a stage went in the last run that had work of it: `unit`s a second, all workers together."""

    per_second: float
    unit: str
    run: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a planned build takes and what training on it once takes; None where there is no rate to tell by.

    `frames` are those of its videos: what earlier builds decoded is kept, so it is the most that can be left to do.
    `steps` are of one epoch, the last of them may be smaller. `gpu_hours` are of one epoch.
    """

    index_bytes: int
    shard_bytes: int
    frames: int
    rows: int
    decode_seconds: float | None
    write_seconds: float | None
    packs: int
    tokens: int
    steps: int | None
    gpu_hours: float | None


def read_rates(events: Path) -> dict[str, Rate]:
    """Read the rates of the last run of each stage (pull, encode, decode, write) from a workspace's events file.

    A file that is not there has none; lines that are no events are passed over.
    """
    if not events.is_file():
        return {}
    with events.open(encoding="utf-8", errors="replace") as file:
        told = (_event(line) for line in file if any(word in line for word in _NEEDED))
        return rates_of(event for event in told if event is not None)


def rates_of(events: Iterable[Mapping[str, Any]]) -> dict[str, Rate]:
    """Return the rate of each stage's last run, by the first word of its name: what its tasks did over its seconds."""
    amounts: dict[tuple[str, str], tuple[str, float]] = {}
    seconds: dict[tuple[str, str], float] = {}
    for event in events:
        key = (str(event["stage"]).partition(" ")[0], str(event["run"]))
        if event["event"] == "stage_end":
            seconds[key] = seconds.get(key, 0.0) + float(event["own_seconds"])
            continue
        unit = next((name for name in _UNITS if name in event), "rows")
        done = amounts.get(key, (unit, 0.0))[1]
        amounts[key] = (unit, done + float(event.get(unit) or 0))
    return {
        stage: Rate(per_second=amount / seconds[stage, run], unit=unit, run=run)
        for (stage, run), (unit, amount) in amounts.items()
        if amount and seconds.get((stage, run))
    }


def estimate(
    planned: Build,
    rates: Mapping[str, Rate],
    *,
    batch_size: int | None = None,
    tokens_per_second: float | None = None,
) -> Cost:
    """Estimate a planned build. `batch_size` is packs a step over all GPUs, `tokens_per_second` what one GPU trains."""
    from curation.stats import answer

    size, packs = (each.frame.row(0, named=True) for each in answer(planned, ("size", "packs")))
    return Cost(
        index_bytes=sum((planned.folder / name).stat().st_size for name in planned.files),
        shard_bytes=size["shard_bytes"],
        frames=size["frames"],
        rows=size["samples"],
        decode_seconds=_seconds(size["frames"], rates.get("decode"), "frames"),
        write_seconds=_seconds(size["samples"], rates.get("write"), "rows"),
        packs=packs["packs"],
        tokens=packs["tokens"],
        steps=-(-packs["packs"] // batch_size) if batch_size else None,
        gpu_hours=packs["tokens"] / tokens_per_second / 3600 if tokens_per_second else None,
    )


def _seconds(amount: int, rate: Rate | None, unit: str) -> float | None:
    if not amount:
        return 0.0
    return amount / rate.per_second if rate and rate.unit == unit else None


def _event(line: str) -> dict[str, Any] | None:
    """Read an event; None for a line that is cut, or that the next run wrote behind one that is."""
    try:
        event: dict[str, Any] = json.loads(line)
    except ValueError:
        return None
    return event
