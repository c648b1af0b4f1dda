-- Video durations: how many videos of the mixture are how long
-- Video samples by the seconds that are used, each as often as it is repeated. The ranges are those of
-- mixture.video_seconds.buckets, with their asked_share, or those of a scale that have videos; from is within a range and to is not.
with
    used as (
        select
            sum(coalesce(used_seconds, duration_seconds)) as seconds,
            sum(frames_used) as frames,
            any_value(sample_repeats) as repeats
        from media
        where type = 'video' and frames_used is not null and sample_repeats > 0
        group by sample_id
    ),
    asked as (
        select
            unnest(string_split(getvariable('video_ranges'), ',')) as part,
            generate_subscripts(string_split(getvariable('video_ranges'), ','), 1) as number
    ),
    ranges as (
        select
            number,
            string_split(part, '=')[1] as seconds,
            string_split(string_split(part, '=')[1], '-')[1]::double as low,
            coalesce(try_cast(string_split(string_split(part, '=')[1], '-')[2] as double), 'inf'::double) as high,
            try_cast(string_split(part, '=')[2] as double) as weight
        from asked
    )
select
    ranges.seconds,
    coalesce(sum(used.repeats), 0)::bigint as videos,
    coalesce(sum(used.repeats), 0) / nullif((select sum(repeats) from used), 0) as share,
    any_value(ranges.weight) / nullif(sum(any_value(ranges.weight)) over (), 0) as asked_share,
    round(sum(used.seconds * used.repeats) / 3600, 3) as hours,
    round(sum(used.frames * used.repeats) / nullif(sum(used.repeats), 0), 1) as mean_frames,
    round(sum(used.frames * used.repeats) / nullif(sum(used.seconds * used.repeats), 0), 3) as frames_per_second
from ranges left join used on used.seconds >= ranges.low and used.seconds < ranges.high
group by ranges.number, ranges.seconds
having exists (from used) and (count(used.repeats) > 0 or any_value(ranges.weight) is not null)
order by ranges.number
