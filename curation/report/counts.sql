-- The build in numbers
with
    used as (select * from samples where selected),
    drawn as (select sum(repeats) as samples, sum(tokens::bigint * repeats) as tokens, sum(loss_tokens::bigint * repeats) as loss_tokens from used),
    packed as (select count(distinct pack) as packs, sum(length) as tokens from packs),
    pictures as (
        select
            count(*) filter (where type = 'image') as images,
            count(*) filter (where type = 'video') as videos,
            sum(frames_used) filter (where type = 'video') as frames,
            coalesce(sum(duration_seconds) filter (where type = 'video'), 0) / 3600 as hours
        from media where sample_repeats > 0
    )
select
    (select count(*) from sources)::bigint as sources,
    (select count(*) from samples)::bigint as candidates,
    (select count(*) from used)::bigint as samples_used,
    coalesce(drawn.samples, 0)::bigint as samples_with_repeats,
    coalesce(drawn.tokens, 0)::bigint as tokens,
    coalesce(drawn.loss_tokens, 0)::bigint as trained_tokens,
    pictures.images,
    pictures.videos,
    coalesce(pictures.frames, 0)::bigint as frames,
    round(pictures.hours, 2) as video_hours,
    packed.packs,
    packed.tokens / nullif(packed.packs * getvariable('context'), 0) as pack_fill
from drawn, packed, pictures
