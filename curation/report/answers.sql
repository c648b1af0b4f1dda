-- Trained tokens of a sample
-- Samples of the mixture, repeats counted, in ranges that double; a range holds its lower end.
with ranged as (
    select case when loss_tokens < 1 then -1 else floor(log2(loss_tokens))::integer end as power, repeats
    from samples
    where selected
)
select
    case when power < 0 then '0' when power = 0 then '1' else (1::bigint << power) || '–' || ((1::bigint << (power + 1)) - 1) end as "range",
    sum(repeats)::bigint as samples
from ranged
group by power
order by power
