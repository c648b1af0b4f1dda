-- Mixture: asked for and realised, by every unit
-- Shares of the whole for each node of the weight tree; asked_share is in `unit`, the unit that the manifest weighs in.
with whole as (
    select sum(samples) as samples, sum(tokens) as tokens, sum(image_tokens) as image_tokens, sum(loss_tokens) as loss_tokens
    from mixture
    where source is not null
)
select
    path,
    source is not null as is_source,
    unit,
    asked_share,
    realised_share,
    mixture.samples / nullif(whole.samples, 0) as samples_share,
    mixture.tokens / nullif(whole.tokens, 0) as tokens_share,
    mixture.image_tokens / nullif(whole.image_tokens, 0) as image_tokens_share,
    mixture.loss_tokens / nullif(whole.loss_tokens, 0) as loss_tokens_share,
    round(repeats, 3) as repeats
from mixture, whole
order by path
