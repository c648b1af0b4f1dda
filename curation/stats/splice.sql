-- Splice: what of each source a run had seen, and what this build takes of the rest
-- seen counts samples that the run had trained on, however they were called then; dropped is by encode and filters, of
-- the others; left is what could still be taken and taken what is. tokens are those of one pass over what is taken.
select
    sources.source,
    sources.samples,
    count(*) filter (where samples.drop_reason = 'already_seen') as seen,
    count(*) filter (where samples.drop_reason not in ('already_seen', 'not_needed')) as dropped,
    count(*) filter (where samples.selected or samples.drop_reason = 'not_needed') as left,
    count(*) filter (where samples.selected) as taken,
    coalesce(sum(samples.tokens) filter (where samples.selected), 0)::bigint as tokens
from sources left join samples using (source)
group by sources.source, sources.samples
order by sources.source
