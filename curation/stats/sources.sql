-- Sources: rows read and kept
-- dropped is by encode and filters; not_needed is what the mixture left out.
select
    sources.source,
    sources.adapter,
    sources.kind,
    sources.rows_read,
    sources.rows_unreadable,
    sources.samples,
    count(*) filter (where samples.drop_reason is not null and samples.drop_reason <> 'not_needed') as dropped,
    count(*) filter (where samples.drop_reason = 'not_needed') as not_needed,
    sources.selected,
    sources.license
from sources left join samples using (source)
group by all
order by sources.source
