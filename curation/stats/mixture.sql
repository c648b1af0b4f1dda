-- Mixture: asked for and realised
-- Each node of the weight tree. asked_share and realised_share are of the whole, in `unit`; repeats is in epochs.
select path, unit, asked_share, realised_share, samples, tokens, image_tokens, loss_tokens, round(repeats, 3) as repeats
from mixture
order by path
