-- Tokens by source and what they stand for
-- Repeats counted. trained_tokens bear loss, prompt_tokens are text that does not, image_tokens stand for images and frames.
select
    source,
    kind,
    sum(repeats)::bigint as samples,
    sum(loss_tokens::bigint * repeats)::bigint as trained_tokens,
    sum((tokens - image_tokens - loss_tokens)::bigint * repeats)::bigint as prompt_tokens,
    sum(image_tokens::bigint * repeats)::bigint as image_tokens,
    sum(tokens::bigint * repeats)::bigint as tokens
from samples
where selected
group by source, kind
order by tokens desc, source, kind
