-- Videos of the selected samples: durations in seconds
select
    samples.source,
    count(*) as videos,
    round(sum(media.duration_seconds) / 3600, 3) as hours,
    round(min(media.duration_seconds), 2) as shortest,
    round(quantile_cont(media.duration_seconds, 0.5), 2) as median,
    round(avg(media.duration_seconds), 2) as mean,
    round(max(media.duration_seconds), 2) as longest,
    round(avg(media.frames_used), 1) as mean_frames
from media join samples using (sample_id)
where samples.selected and media.type = 'video'
group by samples.source
order by samples.source
