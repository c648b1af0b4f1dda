-- Lengths of the selected samples, in tokens
select
    kind,
    count(*) as samples,
    min(tokens) as shortest,
    quantile_disc(tokens, 0.5) as median,
    round(avg(tokens), 1) as mean,
    quantile_disc(tokens, 0.95) as p95,
    max(tokens) as longest,
    round(avg(turns), 2) as mean_turns
from samples
where selected
group by kind
order by kind
