-- Packs: training sequences and how full they are
-- fill is the share of `context` that holds tokens.
with filled as (select pack, sum(length) as tokens, count(*) as samples from packs group by pack)
select
    count(*) as packs,
    getvariable('context') as context,
    coalesce(sum(tokens), 0)::bigint as tokens,
    avg(tokens) / getvariable('context') as fill,
    min(tokens) / getvariable('context') as least_fill,
    round(avg(samples), 2) as mean_samples,
    max(samples) as most_samples
from filled
