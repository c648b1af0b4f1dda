-- Decisions of the ledger, by filter and reason
-- action is drop, flag or trim; measured values are over the rows that have one.
select
    source,
    stage,
    filter,
    action,
    reason,
    count(*) as num_rows,
    min(measured) as measured_min,
    max(measured) as measured_max,
    any_value(threshold) as threshold
from ledger
group by source, stage, filter, action, reason
order by action, num_rows desc, source, stage, filter, reason
