-- Samples to look at: those of lowest rank of each source
select source, sample_id
from (select source, sample_id, row_number() over (partition by source order by rank, sample_id) as number from samples where selected)
where number <= getvariable('gallery')
order by source, number
