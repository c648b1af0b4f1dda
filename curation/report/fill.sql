-- Pack fill
-- Packs by the share of `context` that holds tokens, in steps of 5 %.
with
    filled as (
        select least(floor(sum(length) / getvariable('context') * 20)::integer, 19) as step from packs group by pack
    ),
    steps as (select unnest(range((select min(step) from filled), 20)) as step)
select steps.step * 5 || '–' || (steps.step + 1) * 5 || ' %' as fill, count(filled.step) as packs
from steps left join filled using (step)
group by steps.step
order by steps.step
