-- Videos of the mixture: seconds that are used, and frames
-- Video samples, each as often as it is repeated; seconds are those of the part that frames are chosen from (what the
-- row names, cut by video.clip). asked_mean is mixture.video_seconds.mean, beside the mean of all sources.
with
    videos as (
        select
            any_value(sample_source) as source,
            any_value(sample_repeats) as repeats,
            sum(coalesce(used_seconds, duration_seconds)) as seconds,
            sum(frames_used) as frames
        from media
        where type = 'video' and frames_used is not null and sample_repeats > 0
        group by sample_id
    ),
    used as (
        select source, seconds, frames from videos, unnest(range(repeats)) as repeated(number)
    ),
    counted as (
        select
            grouping(source) as is_all,
            source,
            count(distinct source) as sources,
            count(*) as videos,
            sum(seconds) / 3600 as hours,
            min(seconds) as shortest,
            quantile_cont(seconds, 0.5) as median,
            avg(seconds) as mean,
            max(seconds) as longest,
            avg(frames) as mean_frames,
            sum(frames) / nullif(sum(seconds), 0) as frames_per_second
        from used
        group by grouping sets ((source), ())
    )
select
    coalesce(source, '(all)') as source,
    videos,
    round(hours, 3) as hours,
    round(shortest, 2) as shortest,
    round(median, 2) as median,
    round(mean, 3) as mean,
    case when is_all = 1 or whole.sources = 1 then try_cast(getvariable('video_mean') as double) end as asked_mean,
    round(longest, 2) as longest,
    round(mean_frames, 1) as mean_frames,
    round(frames_per_second, 3) as frames_per_second
from counted, (select sources from counted where is_all = 1) as whole
where is_all = 0 or whole.sources > 1
order by is_all, source
