"""What holds between the tables of every build, as SQL that returns the rows that break it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Invariant:
    """A law over the tables.

    `sql` returns one row per offender with a text column `offender`. `over` is the table whose rows are checked.
    """

    name: str
    over: str
    sql: str


INVARIANTS: tuple[Invariant, ...] = (
    Invariant(
        name="rows read = samples + rows unreadable, per source",
        over="sources",
        sql="""
            select format('{}: {} rows read, {} samples, {} unreadable', source, rows_read, sources.samples,
                rows_unreadable) as offender
            from sources
            left join (select source, count(*) as counted from samples group by source) using (source)
            where rows_read <> sources.samples + rows_unreadable or sources.samples <> coalesce(counted, 0)
        """,
    ),
    Invariant(
        name="every unreadable row is a ledger row of stage pull",
        over="sources",
        sql="""
            select format('{}: {} rows unreadable, {} in the ledger', source, rows_unreadable,
                coalesce(counted, 0)) as offender
            from sources
            left join (
                select source, count(*) as counted from ledger where stage = 'pull' and action = 'drop' group by source
            ) using (source)
            where rows_unreadable <> coalesce(counted, 0)
        """,
    ),
    Invariant(
        name="every sample is selected, dropped or not needed",
        over="samples",
        sql="""
            select format('{}: selected {}, repeats {}, dropped by {}, reason {}', sample_id, selected, repeats,
                coalesce(dropped_by, '-'), coalesce(drop_reason, '-')) as offender
            from samples
            where selected is null
                or (selected and (drop_reason is not null or dropped_by is not null or repeats is null or repeats < 1))
                or (not selected and (drop_reason is null or coalesce(repeats, 0) <> 0))
        """,
    ),
    Invariant(
        name="every drop is a ledger row with its reason",
        over="samples",
        sql="""
            select format('{}: dropped as {}, which the ledger does not say', sample_id, drop_reason) as offender
            from samples
            where drop_reason <> 'not_needed' and not exists (
                from ledger
                where ledger.sample_id = samples.sample_id and action = 'drop' and ledger.reason = samples.drop_reason
            )
        """,
    ),
    Invariant(
        name="nothing that the ledger drops is selected",
        over="samples",
        sql="""
            select format('{}: selected, but dropped as {}', sample_id, ledger.reason) as offender
            from samples join ledger using (sample_id)
            where selected and ledger.action = 'drop'
        """,
    ),
    Invariant(
        name="sample_id is <source>/<row_key> and unique",
        over="samples",
        sql="""
            select format('{}: source {}, row_key {}', sample_id, source, row_key) as offender
            from samples where sample_id <> source || '/' || row_key or sample_id is null
            union all
            select format('{}: {} rows', sample_id, count(*)) from samples group by sample_id having count(*) > 1
        """,
    ),
    Invariant(
        name="rank lies in [0, 1)",
        over="samples",
        sql="""
            select format('{}: rank {}', sample_id, rank) as offender
            from samples where not coalesce(rank >= 0 and rank < 1, false)
        """,
    ),
    Invariant(
        name="tokens = text tokens + image tokens, and no more loss tokens than text tokens",
        over="samples",
        sql="""
            select format('{}: {} tokens, {} text, {} image, {} trained', sample_id, tokens, text_tokens, image_tokens,
                loss_tokens) as offender
            from samples
            where tokens <> text_tokens + image_tokens or loss_tokens > text_tokens or (selected and tokens is null)
        """,
    ),
    Invariant(
        name="selected samples of a source are counted",
        over="sources",
        sql="""
            select format('{}: {} selected, {} counted', source, sources.selected, coalesce(counted, 0)) as offender
            from sources
            left join (
                select source, count(*) as counted from samples where samples.selected group by source
            ) using (source)
            where sources.selected <> coalesce(counted, 0)
        """,
    ),
    Invariant(
        name="media stand at positions 0, 1, … of a sample that exists",
        over="media",
        sql="""
            select format('{}: positions {}', sample_id, list(position order by position)) as offender
            from media group by sample_id
            having list(position order by position) <> range(count(*))
            union all
            select format('{}: media of no sample', sample_id) from media anti join samples using (sample_id)
        """,
    ),
    Invariant(
        name="media say of their samples what the samples say",
        over="media",
        sql="""
            select format('{}: source {}, repeats {} in media', sample_id, sample_source, sample_repeats) as offender
            from media join samples using (sample_id)
            where sample_source is distinct from source or sample_repeats is distinct from samples.repeats
            union all
            select format('{}: {} different media trained on, {} first uses', sample_source,
                count(distinct media_id), count(*) filter (is_first_use))
            from media where sample_repeats > 0 or is_first_use group by sample_source
            having count(distinct media_id) <> count(*) filter (is_first_use)
        """,
    ),
    Invariant(
        name="images and videos of a sample are its media",
        over="samples",
        sql="""
            select format('{}: {} images and {} videos, {} and {} media', sample_id, samples.images, samples.videos,
                coalesce(m.images, 0), coalesce(m.videos, 0)) as offender
            from samples left join (
                select sample_id, count(*) filter (where type = 'image') as images,
                    count(*) filter (where type = 'video') as videos
                from media group by sample_id
            ) as m using (sample_id)
            where samples.images <> coalesce(m.images, 0) or samples.videos <> coalesce(m.videos, 0)
        """,
    ),
    Invariant(
        name="no pack is longer than the context",
        over="packs",
        sql="""
            select format('pack {}: {} tokens, context {}', pack, sum(length), getvariable('context')) as offender
            from packs group by pack having sum(length) > getvariable('context')
        """,
    ),
    Invariant(
        name="offsets and positions of a pack run on without a gap",
        over="packs",
        sql="""
            select format('pack {} position {}: offset {}, expected {}', pack, position, "offset", expected) as offender
            from (
                select pack, position, "offset",
                    coalesce(sum(length) over (
                        partition by pack order by position rows between unbounded preceding and 1 preceding
                    ), 0) as expected,
                    row_number() over (partition by pack order by position) - 1 as place
                from packs
            )
            where "offset" <> expected or position <> place
        """,
    ),
    Invariant(
        name="packs are numbered 0, 1, …",
        over="packs",
        sql="""
            select format('{} packs, numbers {} to {}', count(distinct pack), min(pack), max(pack)) as offender
            from packs having count(*) > 0 and (min(pack) <> 0 or max(pack) <> count(distinct pack) - 1)
        """,
    ),
    Invariant(
        name="a sample's places in packs agree with its row",
        over="packs",
        sql="""
            select format('pack {} position {}: {} is not as in samples', pack, position, sample_id) as offender
            from packs left join samples using (sample_id)
            where not coalesce(samples.selected, false) or packs.length <> samples.tokens
                or packs.shard is distinct from samples.shard or packs.shard_row is distinct from samples.shard_row
        """,
    ),
    Invariant(
        name="every selected sample is in exactly `repeats` packs",
        over="samples",
        sql="""
            select format('{}: {} repeats, in {} packs', sample_id, coalesce(repeats, 0),
                coalesce(counted, 0)) as offender
            from (select sample_id, repeats from samples where selected)
            full join (
                select sample_id, count(*) as counted, list(repeat order by repeat) as numbers
                from packs group by sample_id
            ) using (sample_id)
            where coalesce(repeats, 0) <> coalesce(counted, 0) or numbers <> range(counted)
        """,
    ),
    Invariant(
        name="repeats of a source's samples are its epochs, rounded up or down",
        over="samples",
        sql="""
            select format('{}: between {} and {} repeats', source, min(repeats), max(repeats)) as offender
            from samples where selected group by source having max(repeats) - min(repeats) > 1
        """,
    ),
    Invariant(
        name="realised shares of the sources sum to 1",
        over="mixture",
        sql="""
            select format('shares sum to {}', sum(realised_share)) as offender
            from mixture where source is not null
            having count(*) > 0 and abs(sum(realised_share) - 1) > 1e-6 and sum(tokens) > 0
        """,
    ),
    Invariant(
        name="the mixture's tokens are those of its packs, per source",
        over="mixture",
        sql="""
            select format('{}: {} tokens in mixture, {} in packs', source, mixture.tokens,
                coalesce(packed, 0)) as offender
            from mixture
            left join (
                select source, sum(length) as packed from packs join samples using (sample_id) group by source
            ) using (source)
            where source is not null and mixture.tokens <> coalesce(packed, 0)
        """,
    ),
    Invariant(
        name="shard rows 0, 1, … are one selected sample each",
        over="shards",
        sql="""
            select format('shard {}: {} rows, {} samples', shard, shards.rows, coalesce(counted, 0)) as offender
            from shards
            left join (
                select shard, count(*) as counted, list(shard_row order by shard_row) as numbers
                from samples where selected group by shard
            ) using (shard)
            where starts_with(path, 'shards/') and (shards.rows <> coalesce(counted, 0) or numbers <> range(counted))
        """,
    ),
    Invariant(
        name="rows of borrowed shards are one selected sample each, or none",
        over="shards",
        sql="""
            select format('shard {}: {} rows, {} samples in {} of them', shard, shards.rows, counted, used) as offender
            from shards
            left join (
                select shard, count(*) as counted, count(distinct shard_row) as used, max(shard_row) as last_row,
                    sum(tokens) as counted_tokens
                from samples where selected group by shard
            ) using (shard)
            where not starts_with(path, 'shards/') and not coalesce(
                counted = used and last_row < shards.rows and counted_tokens <= shards.tokens, false)
        """,
    ),
    Invariant(
        name="the shards' tokens are those of their samples",
        over="shards",
        sql="""
            select format('shard {}: {} tokens, {} in samples', shard, shards.tokens, coalesce(counted, 0)) as offender
            from shards
            left join (select shard, sum(tokens) as counted from samples where selected group by shard) using (shard)
            where starts_with(path, 'shards/') and shards.tokens <> coalesce(counted, 0)
        """,
    ),
)
