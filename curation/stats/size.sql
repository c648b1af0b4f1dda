-- Size: what writing it takes
-- shard_bytes of a plan is an estimate: images as they are, frames at 0.2 bytes a pixel, 2 bytes for a token of text.
with
    pictures as (
        select
            sum(bytes) filter (where type = 'image') as image_bytes,
            sum(frames_used) filter (where type = 'video') as frames,
            sum(frames_used * width * height * least(1, 512 / nullif(greatest(width, height), 0)) ** 2)
                filter (where type = 'video') as pixels
        from media
        where sample_repeats > 0
    ),
    texts as (
        select count(*) as samples, sum(tokens) as tokens, sum(text_tokens) as text_tokens from samples where selected
    ),
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
