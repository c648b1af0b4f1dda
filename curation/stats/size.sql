-- Size: what writing it takes
-- shard_bytes of a plan is an estimate: images as they are, frames at 0.2 bytes a pixel, 2 bytes for a token of text.
with
    wanted as (select * from samples where selected),
    pictures as (
        select
            sum(media.bytes) filter (where media.type = 'image') as image_bytes,
            sum(media.frames_used) filter (where media.type = 'video') as frames,
            sum(
                media.frames_used * media.width * media.height
                * least(1, 512 / nullif(greatest(media.width, media.height), 0)) ** 2
            ) filter (where media.type = 'video') as pixels
        from media join wanted using (sample_id)
    ),
    texts as (select count(*) as samples, sum(tokens) as tokens, sum(text_tokens) as text_tokens from wanted),
    written as (select sum(bytes) as bytes, count(*) as shards from shards)
select
    texts.samples,
    coalesce(texts.tokens, 0)::bigint as tokens,
    coalesce(image_bytes, 0)::bigint as image_bytes,
    coalesce(frames, 0)::bigint as frames,
    written.shards,
    coalesce(
        written.bytes,
        coalesce(image_bytes, 0) + 0.2 * coalesce(pixels, 0) + 2 * coalesce(texts.text_tokens, 0)
    )::bigint as shard_bytes,
    written.bytes is null as is_estimate
from texts, pictures, written
