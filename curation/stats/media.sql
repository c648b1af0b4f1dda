-- Media of the selected samples
-- distinct_media counts different bytes; width and height are as shown, in pixels.
select
    sample_source as source,
    type,
    count(*) as media,
    count(*) filter (where is_first_use) as distinct_media,
    sum(bytes)::bigint as bytes,
    quantile_disc(width, 0.5) as median_width,
    quantile_disc(height, 0.5) as median_height,
    round(avg(tokens), 1) as mean_tokens
from media
where sample_repeats > 0
group by sample_source, type
order by sample_source, type
