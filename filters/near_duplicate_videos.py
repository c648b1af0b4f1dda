"""`near_duplicate_videos`: samples that say the same about videos that show the same."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, cast

from curation.errors import ManifestError, MediaError
from curation.filters.filter import Action, Tables
from curation.filters.hamming import MAX_BITS, near_pairs
from curation.filters.matches import create_places, decide, match_table
from curation.filters.twins import Likeness, judge_samples
from curation.hashing import phash256
from curation.images import probe_image
from curation.luma import contrast_of
from curation.media import content_from_json

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from curation.video import Guard

FRAME_SIDE = 256
MIN_CONTRAST = 16.0
MIN_FRAMES = 3
TIMEOUT_SECONDS = 120.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class NearDuplicateVideos:
    """Drop samples whose question and answer are another's, on videos that show the same: encoded anew, resized, at
    another frame rate.

    `frames` frames of each video, in the middle of as many equal parts of it, are compared place by place: their
    256-bit hashes may differ in `bits` bits (31: copies at another frame rate differ in up to 38, strangers in 100 and
    more), and at least `share` of the frames have to match. Frames that show next to
    nothing (black, white) don't count; a video with fewer than 3 others is not judged. Parts of a video, other cuts of
    it and added borders are not found.

    What follows for samples is what `exact_duplicates` does; `scope: media` drops whatever is said, which two talks in
    one hall may not survive. Reason `near_duplicate`, measured: the share of matching frames (1: also the very same
    file). Every video is opened and decoded at `frames` places, in child processes on all cores: some 0.1 s a video.
    """

    name: ClassVar[str] = "near_duplicate_videos"
    version: ClassVar[int] = 1
    is_guarded: ClassVar[bool] = True
    reads_media: ClassVar[bool] = True

    frames: int = 8
    bits: int = MAX_BITS
    share: float = 0.75
    scope: Literal["sample", "media"] = "sample"
    action: Action = "drop"

    def __post_init__(self) -> None:
        if not MIN_FRAMES <= self.frames <= 64:
            raise ManifestError(f"filters.near_duplicate_videos.frames is {self.frames}; write {MIN_FRAMES} to 64")
        if not 0 <= self.bits <= MAX_BITS:
            raise ManifestError(f"filters.near_duplicate_videos.bits is {self.bits}; write 0 to {MAX_BITS} (of 256)")
        if not 0 < self.share <= 1:
            raise ManifestError(f"filters.near_duplicate_videos.share is {self.share}; write a share above 0, up to 1")

    def ledger(self, tables: Tables) -> pa.Table:
        """Return a row for each sample that repeats one that stays, or contradicts it. Decodes every video."""
        connection = tables.connection
        create_places(connection)
        connection.execute("""
            create or replace temp table video_places as
            select row_number() over (order by first_place, first_position, media_id) as place, media_id, address
            from (select media_id, min(place) as first_place, arg_min(position, (place, position)) as first_position,
                         arg_min(address, (place, position)) as address
                  from media join places using (sample_id)
                  where type = 'video' and address is not null group by media_id)""")
        addresses = connection.sql("select address from video_places order by place").to_arrow_table()["address"]
        connection.register("matches", match_table(decide(*self._pairs(addresses.to_pylist()))))
        connection.execute("""
            create or replace temp table twins as
            select a.media_id, b.media_id as leader, m.measured
            from matches m join video_places a on a.place = m.place join video_places b on b.place = m.other""")
        connection.unregister("matches")
        connection.execute("drop table video_places")
        likeness = Likeness(kind="share", label="share of matching frames", threshold=self.share)
        return judge_samples(tables, self.name, likeness, scope=self.scope, action=self.action)

    def _pairs(self, addresses: list[str]) -> tuple[list[tuple[int, int]], Callable[[int, int], float | None]]:
        """Return the pairs of videos (places from 1) with a matching frame, and what share of their frames match."""
        import numpy as np

        owners, numbers, hashes = _hashes(addresses, self.frames)
        counts = np.bincount(owners, minlength=len(addresses))
        found: dict[tuple[int, int], int] = {}
        pairs = near_pairs(hashes, self.bits)
        for later, earlier in zip(pairs.later.tolist(), pairs.earlier.tolist(), strict=True):
            if numbers[later] == numbers[earlier] and owners[later] != owners[earlier]:
                pair = int(owners[later]), int(owners[earlier])
                found[pair] = found.get(pair, 0) + 1
        if pairs.num_capped:
            logger.warning("filter %s: %d frames are like too many others to meet all", self.name, pairs.num_capped)

        def measure(place: int, other: int) -> float | None:
            most = max(counts[place - 1], counts[other - 1])
            share = float(found[place - 1, other - 1] / most)
            is_judged = min(counts[place - 1], counts[other - 1]) >= MIN_FRAMES
            return share if is_judged and share >= self.share else None

        return sorted((later + 1, earlier + 1) for later, earlier in found), measure


def _hashes(addresses: list[str], frames: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8]]:
    """Return the hashes of all frames that show something, the video of each and its number there; by video."""
    import numpy as np

    owners: list[int] = []
    numbers: list[int] = []
    hashes: list[bytes] = []
    guards: list[Guard] = []
    mine = threading.local()

    def look(address: str) -> list[tuple[int, bytes]]:
        from curation.video import Guard

        if not hasattr(mine, "guard"):
            mine.guard = Guard()
            guards.append(mine.guard)
        return list(_frame_hashes(mine.guard, address, frames))

    try:
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            for owner, found in enumerate(pool.map(look, addresses)):
                for number, phash in found:
                    owners.append(owner)
                    numbers.append(number)
                    hashes.append(phash)
    finally:
        for guard in guards:
            guard.close()
    joined = np.frombuffer(b"".join(hashes), np.uint8).reshape(-1, 32)
    return np.array(owners, np.int64), np.array(numbers, np.int64), joined


def _frame_hashes(guard: Guard, address: str, frames: int) -> Iterator[tuple[int, bytes]]:
    """Yield number and hash of the frames of a video that show something; nothing when it can't be read any more."""
    import numpy as np

    from curation.video import DecodedFrames, FrameRequest, VideoProbe

    try:
        content = content_from_json(address)
        probe = cast(VideoProbe, guard.run("curation.video.serving:probe", content, timeout=TIMEOUT_SECONDS))
        seconds = probe.seconds
        times = (np.arange(frames) + 0.5) * (probe.duration_seconds / frames)
        at = np.maximum(np.searchsorted(seconds, times, side="right") - 1, 0)
        places = np.unique(at)
        request = FrameRequest(
            pts=tuple(probe.pts[places].tolist()), indices=tuple(places.tolist()), size=FRAME_SIDE, jpeg_quality=90
        )
        decoded = cast(
            DecodedFrames, guard.run("curation.video.serving:decode", content, request, timeout=TIMEOUT_SECONDS)
        )
    except MediaError:
        return
    greys = {place: probe_image(data).grey for place, data in zip(places.tolist(), decoded.jpegs, strict=True)}
    for number, place in enumerate(at.tolist()):
        if contrast_of(greys[place])[0] > MIN_CONTRAST:
            yield number, phash256(greys[place])
