-- Answers that are trained most often
-- By occurrences of the same answer in selected samples, repeats counted; those that occur once are left out.
select
    answer_sha256,
    sum(repeats)::bigint as occurrences,
    count(distinct source) as sources,
    sum(repeats) / (select sum(repeats) from samples where selected) as share,
    min(sample_id) as example
from samples
where selected and answer_sha256 is not null
group by answer_sha256
having sum(repeats) > 1
order by occurrences desc, answer_sha256
limit 12
