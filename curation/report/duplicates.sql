-- Duplicates across sources
-- Samples dropped as duplicates, by the source they were of and the source of the sample that stays.
select source, evidence_source as kept_in, count(*) as samples
from ledger
where action = 'drop' and filter in ('exact_duplicates', 'near_duplicate_text', 'near_duplicate_images') and reason <> 'merged'
  and evidence_source is not null
group by all
order by source, kept_in
