-- Size: what writing it takes
-- shard_bytes of a plan is an estimate: stored images as they are, frames at 20 kB each, 2 bytes a token after compression.
with
    wanted as (select * from samples where selected),
    pictures as (
        select
            coalesce(sum(media.bytes) filter (where media.type = 'image'), 0) as image_bytes,
            coalesce(sum(media.frames_used) filter (where media.type = 'video'), 0) as frames
        from media join wanted using (sample_id)
    ),
    written as (select sum(bytes) as bytes, count(*) as shards from shards)
select
    (select count(*) from wanted) as samples,
    (select coalesce(sum(tokens), 0)::bigint from wanted) as tokens,
    image_bytes::bigint as image_bytes,
    frames::bigint as frames,
    written.shards,
    coalesce(written.bytes, image_bytes + frames * 20000 + 2 * (select coalesce(sum(tokens), 0) from wanted))::bigint
        as shard_bytes,
    written.bytes is null as is_estimate
from pictures, written
