"""Time `report` on generated index tables; `questions.py` times the standard questions.

    python -m benchmarks.report [SAMPLES]

Default: a million samples of 20 sources with a medium each, 10 % drops and packs of eight. The index is generated, the
shard holds two rows that every selected sample points at, so that the gallery reads real rows.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import duckdb

from curation.builds import Build, open_build
from curation.report import report_page
from tests.cli.tiny_build import describe, write_build

SAMPLES = """
    select 'source' || lpad((i % 20)::varchar, 2, '0') || '/rows.parquet:' || i as sample_id,
        'source' || lpad((i % 20)::varchar, 2, '0') as source,
        ['text', 'image', 'document', 'video'][i % 4 + 1] as kind, 'rows.parquet:' || i as row_key,
        null::varchar as row_id, (2 + i % 9)::integer as turns, (i % 4 in (1, 2))::integer as images,
        (i % 4 = 3)::integer as videos,
        if(i % 4 = 3, 16, 0) as frames, if(i % 4 = 3, 16.0, 0.0)::double as video_seconds, 400::bigint as text_chars,
        (100 + hash(i) % 900)::integer as text_tokens, if(i % 4 = 0, 0, 1088) as image_tokens,
        (40 + hash(i) % 300)::integer as loss_tokens, (text_tokens + image_tokens)::integer as tokens,
        sha256((hash(i) % 900000)::varchar) as answer_sha256, sha256(i::varchar) as question_sha256,
        null::varchar as media_sha256, hash(i * 7) / 18446744073709551616.0 as rank, i % 10 > 0 as selected,
        (i % 10 > 0)::integer as repeats, if(i % 10 > 0, null, 'exact_duplicates') as dropped_by,
        if(i % 10 > 0, null, 'duplicate') as drop_reason, if(i % 10 > 0, 0, null)::integer as shard,
        if(i % 10 > 0, if(i % 4 = 0, 1, 0), null)::integer as shard_row, 'mit' as license, null::varchar as columns
    from range({count}) as numbers(i)
"""
MEDIA = """
    select sample_id, 0 as position, sha256((hash(row_key) % 800000)::varchar) as media_id,
        if(kind = 'video', 'video', 'image') as type, 'image/jpeg' as mime, 90000::bigint as bytes,
        (200 + hash(row_key) % 1800)::integer as width, (200 + hash(row_key || 'h') % 1800)::integer as height,
        if(kind = 'video', 16.0 + hash(row_key) % 200, null)::double as duration_seconds,
        duration_seconds as used_seconds, 25.0::double as fps, if(kind = 'video', 1, null)::integer as frames_used,
        1088 as tokens, null::varchar as phash, null::varchar as backend, 'data/' || row_key as uri,
        source as sample_source, repeats as sample_repeats, selected and hash(row_key) % 5 > 0 as is_first_use
    from samples where kind <> 'text'
"""
LEDGER = """
    select sample_id, source, 'filter' as stage, 'exact_duplicates' as filter, 'drop' as action, 'duplicate' as reason,
        2.0::double as measured, 1.0::double as threshold, 'source00/rows.parquet:1' as evidence_sample_id,
        'source' || lpad((hash(row_key) % 20)::varchar, 2, '0') as evidence_source, '{}' as detail
    from samples where not selected
"""
PACKS = """
    select (number // 4)::bigint as pack, (number % 4)::integer as position, sample_id, 0 as repeat,
        ((number % 4) * 2048)::integer as "offset", tokens as length, shard, shard_row
    from (select *, row_number() over (order by rank) - 1 as number from samples where selected) order by number
"""
MIXTURE = """
    select source as path, source, 'tokens' as unit, 1 / 20 as asked_share,
        sum(tokens) / sum(sum(tokens)) over () as realised_share, count(*) as samples, sum(tokens)::bigint as tokens,
        sum(image_tokens)::bigint as image_tokens, sum(loss_tokens)::bigint as loss_tokens, 1.0::double as repeats
    from samples where selected group by source
"""


def generate(folder: Path, count: int) -> Build:
    """Write a build of `count` candidate samples."""
    write_build(folder)
    with duckdb.connect() as connection:
        connection.execute(f"create table samples as {SAMPLES.format(count=count)}")
        tables = {"samples": "from samples", "media": MEDIA, "ledger": LEDGER, "packs": PACKS}
        for name, query in tables.items():
            connection.execute(f"copy ({query}) to '{folder}/index/{name}/part-00000.parquet' (compression zstd)")
        connection.execute(f"copy ({MIXTURE}) to '{folder}/index/mixture.parquet'")
    describe(folder)
    return open_build(folder)


def main() -> None:
    """Generate, time, print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        build = generate(Path(folder) / "build", count)
        start, used = time.perf_counter(), time.process_time()
        page = report_page(build)
        seconds, processors = time.perf_counter() - start, time.process_time() - used
        print(f"report: {count:,} samples, {seconds:.1f} s, processors {processors:.1f} s, {len(page) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
