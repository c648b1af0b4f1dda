-- What samples have in common with benchmarks, by verdict
-- confirmed: picture and question; text_only and image_only: one of them. score is the share of an item's words (for
-- image_only the differing bits of 256), item the benchmark item that most samples of the row hold.
select
    detail ->> 'benchmark' as benchmark,
    source,
    reason as verdict,
    action,
    count(*) as num_samples,
    count(distinct detail ->> 'item') as num_items,
    mode(detail ->> 'item') as item,
    round(min(measured), 3) as score_min,
    round(max(measured), 3) as score_max,
    min(sample_id) as example
from ledger
where filter = 'contamination'
group by all
order by benchmark, source, verdict, action
