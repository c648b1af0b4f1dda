-- Sizes of the images used, in pixels as shown
select media.width, media.height, sum(samples.repeats)::bigint as images
from media join samples using (sample_id)
where samples.selected and media.type = 'image' and media.width > 0 and media.height > 0
group by media.width, media.height
order by media.width, media.height
