-- Turns of a sample
-- Samples of the mixture, repeats counted.
select case when turns > 20 then '21+' else turns::varchar end as turns, sum(repeats)::bigint as samples
from samples
where selected
group by 1
order by min(samples.turns)
