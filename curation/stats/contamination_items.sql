-- Benchmark items that samples hold, one by one
-- score is the share of the item's words that the closest sample holds (for image_only the differing bits of 256).
select
    detail ->> 'benchmark' as benchmark,
    source,
    reason as verdict,
    detail ->> 'item' as item,
    round(if(max(reason) = 'image_only', min(measured), max(measured)), 3) as score,
    count(*) as num_samples,
    count(*) filter (action = 'drop') as num_dropped,
    min(detail ->> 'question') as question,
    min(sample_id) as example
from ledger
where filter = 'contamination'
group by all
order by benchmark, source, verdict, num_samples desc, item
