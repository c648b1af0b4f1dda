"""Short H.264 videos in the layout of LLaVA-Video-178K (config `0_30_s_academic_v0_1`), with captions that are true.

Annotations are JSON lists named `*_processed.json` (captions, open-ended, multiple choice), the placeholder is
`<image>` although the medium is a video, and the videos lie in `*_videos_<n>.tar.gz` beside them.
"""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path
from typing import Any

from curation.demo.clips import HEIGHT, WIDTH, Clip, chosen_clip
from curation.demo.writing import dice, write_json, write_tar_gz

NUM_VIDEOS = 24
CONFIG = "0_30_s_academic_v0_1"
CUT_SHORT = 17  # its file ends in the middle, before the index of an MP4
CAPTION_PROMPTS = (
    "Describe the video in detail.",
    "What happens in this video?",
    "Please tell what you see in the video from beginning to end.",
)


def write_videos(folder: Path, *, seed: int) -> None:
    """Write the config's folder: three annotation files and two archives."""
    captions: list[dict[str, Any]] = []
    open_ended: list[dict[str, Any]] = []
    multiple_choice: list[dict[str, Any]] = []
    members: list[tuple[str, bytes]] = []
    for number in range(NUM_VIDEOS):
        roll = dice(seed, "videos", number)
        clip = chosen_clip(number, roll)
        name = f"academic_source/shapes/{roll.getrandbits(32):08x}.mp4"
        content = encoded(clip)
        members.append((name, content[: len(content) * 3 // 5] if number == CUT_SHORT else content))
        row = {"data_source": CONFIG, "video": name}
        identity = Path(name).stem
        captions.append({"id": identity, "conversations": turns([(roll.choice(CAPTION_PROMPTS), clip.caption)]), **row})
        open_ended.append({"id": identity, "conversations": turns(list(clip.questions)), **row})
        if number != CUT_SHORT:
            multiple_choice.append({"id": identity, "conversations": turns(list(clip.choices)), **row})
    root = folder / CONFIG
    write_json(root / f"{CONFIG}_cap_processed.json", captions)
    write_json(root / "0_30_s_academic_oe_v0_1_qa_processed.json", open_ended)
    write_json(root / "0_30_s_academic_mc_v0_1_qa_processed.json", multiple_choice)
    half = len(members) // 2
    write_tar_gz(root / f"{CONFIG}_videos_1.tar.gz", members[:half])
    write_tar_gz(root / f"{CONFIG}_videos_2.tar.gz", members[half:])


def turns(pairs: list[tuple[str, str]]) -> list[dict[str, str]]:
    """Return LLaVA turns; the placeholder opens the first."""
    found = []
    for number, (question, answer) in enumerate(pairs):
        found.append({"from": "human", "value": ("<image>\n" if number == 0 else "") + question})
        found.append({"from": "gpt", "value": answer})
    return found


def encoded(clip: Clip) -> bytes:
    """Encode a clip as H.264 in MP4 on one thread, so that the bytes do not depend on the machine's cores."""
    import av

    content = io.BytesIO()
    with av.open(content, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        options = {"preset": "ultrafast", "crf": "23", "g": str(clip.rate * 4), "threads": "1", "flags": "+bitexact"}
        stream = container.add_stream("libx264", rate=Fraction(clip.rate), options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(clip.seconds * clip.rate):
            frame = av.VideoFrame.from_image(clip.draw(number / clip.rate))
            frame.pts, frame.time_base = number, Fraction(1, clip.rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return content.getvalue()
