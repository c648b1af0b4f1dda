-- Media that most of the training sees
-- By occurrences in selected samples, repeats counted; those that occur once are left out.
select
    media_id,
    any_value(media.type) as type,
    sum(samples.repeats)::bigint as occurrences,
    count(distinct samples.sample_id) as samples,
    count(distinct samples.source) as sources,
    min(samples.sample_id) as example
from media join samples using (sample_id)
where samples.selected and media_id is not null
group by media_id
having sum(samples.repeats) > 1
order by occurrences desc, media_id
limit 12
