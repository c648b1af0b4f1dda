-- Media of the selected samples
-- distinct_media counts different bytes; width and height are as shown, in pixels.
select
    samples.source,
    media.type,
    count(*) as media,
    count(distinct media.media_id) as distinct_media,
    sum(media.bytes)::bigint as bytes,
    quantile_disc(media.width, 0.5) as median_width,
    quantile_disc(media.height, 0.5) as median_height,
    round(avg(media.tokens), 1) as mean_tokens
from media join samples using (sample_id)
where samples.selected
group by samples.source, media.type
order by samples.source, media.type
