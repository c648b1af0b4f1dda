-- Kinds: what will be trained on
-- Occurrences of selected samples (a sample repeated twice counts twice) and their tokens by kind.
select
    kind,
    sum(repeats)::bigint as samples,
    sum(tokens::bigint * repeats)::bigint as tokens,
    sum(tokens::bigint * repeats) / sum(sum(tokens::bigint * repeats)) over () as token_share,
    sum(image_tokens::bigint * repeats) / nullif(sum(tokens::bigint * repeats), 0) as image_share,
    sum(loss_tokens::bigint * repeats) / nullif(sum(tokens::bigint * repeats), 0) as loss_share
from samples
where selected
group by kind
order by tokens desc, kind
