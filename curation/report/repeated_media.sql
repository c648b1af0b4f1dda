-- Media that most of the training sees
-- By occurrences in selected samples, repeats counted; those that occur once are left out.
select
    media_id,
    any_value(type) as type,
    sum(sample_repeats)::bigint as occurrences,
    count(distinct sample_id) as samples,
    count(distinct sample_source) as sources,
    min(sample_id) as example
from media
where sample_repeats > 0 and media_id is not null
group by media_id
having sum(sample_repeats) > 1
order by occurrences desc, media_id
limit 12
