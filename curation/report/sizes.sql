-- Sizes of the images used, in pixels as shown
select width, height, sum(sample_repeats)::bigint as images
from media
where sample_repeats > 0 and type = 'image' and width > 0 and height > 0
group by width, height
order by width, height
