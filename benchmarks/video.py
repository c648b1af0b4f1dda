"""Chosen frames of videos to stored JPEG: this toolkit against bare decord, PyAV and, where importable, torchcodec.

    python benchmarks/video.py [--folder DIR] [--rounds 5] [--opens 200]
    make bench NAME=video    (with torchcodec, in the rivals' environment; it needs FFmpeg's libraries of the system)

Makes its own 720p H.264 videos (one minute encoded, longer ones by repeating its packets). All methods make JPEGs of
512 pixels from the same frames, one decoding thread, in this process; `guarded` is the same work through the child
process that builds use, probe included. Rounds are interleaved; medians are printed. The last
lines are the memory of the guarded child over many opens.
"""

from __future__ import annotations

import io
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from importlib import import_module
from pathlib import Path

import av
import numpy as np
from PIL import Image
from reporting import Report, arguments
from rounds import Run, summarise

from curation.frames import FrameSettings, plan_frames
from curation.records import Address
from curation.video import FrameRequest, VideoProbe, decode, guard, probe, serving

RATE, WIDTH, HEIGHT, SIZE = 30, 1280, 720, 512
CASES = {"60 of 60 s": (1, 60), "64 of 4 min": (4, 64), "8 of 10 min": (10, 8)}
NEEDS = {"decord": "decord", "torchcodec": "torchcodec.decoders", "torchcodec, resizing": "torchcodec.transforms"}
GUARDED = "ours, in a guarded child"
MAX_DIFFERENCE = 8.0  # of grey values on average: resizing differs; a frame beside the right one by 20 and more
Jpegs = Sequence[bytes]
Method = Callable[[Path, tuple[int, ...]], Jpegs]


def encode_minute(path: Path) -> None:
    """Encode a minute of drifting texture, moving boxes and sensor noise, with B-frames and 250-frame groups."""
    generator = np.random.default_rng(7)
    base = generator.integers(0, 256, (HEIGHT // 8, WIDTH // 2, 3), dtype=np.uint8)
    texture = np.asarray(Image.fromarray(base).resize((WIDTH * 4, HEIGHT), Image.Resampling.BICUBIC))
    noise = [generator.normal(0, 6, (HEIGHT, WIDTH, 1)).astype(np.int16) for _ in range(8)]
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=RATE, options={"preset": "veryfast", "crf": "24", "bf": "3"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(60 * RATE):
            picture = texture[:, 2 * number % (3 * WIDTH) :][:, :WIDTH].astype(np.int16) + noise[number % 8]
            left = 40 + 8 * number % (WIDTH - 240)
            picture[200:360, left : left + 160] = (number * 3 % 256, 80, 200)
            frame = av.VideoFrame.from_ndarray(np.clip(picture, 0, 255).astype(np.uint8), format="rgb24")
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def repeat(source: Path, path: Path, *, times: int) -> None:
    """Write a video several times over, without encoding it again; its name in it makes it another file."""
    with av.open(str(path), "w") as output:
        output.metadata["title"] = path.stem
        stream = None
        for turn in range(times):
            with av.open(str(source)) as container:
                original = container.streams.video[0]
                if stream is None:
                    stream = output.add_stream_from_template(original)
                shift = int(turn * 60 / Fraction(original.time_base or 1))
                for packet in container.demux(original):
                    if packet.pts is not None and packet.dts is not None:
                        packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, stream
                        output.mux(packet)


def store(picture: np.ndarray) -> bytes:
    """Encode one picture as a rival would."""
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "JPEG", quality=92)
    return out.getvalue()


def stored_size() -> tuple[int, int]:
    """Return width and height of stored frames."""
    return SIZE, round(SIZE * HEIGHT / WIDTH)


def ours(path: Path, indices: tuple[int, ...]) -> Jpegs:
    """Probe, plan and decode in this process."""
    content = Address(path=str(path))
    return serving.decode(content, request_for(serving.probe(content), indices)).jpegs


def guarded(path: Path, indices: tuple[int, ...]) -> Jpegs:
    """Probe and decode through the guarded child."""
    content = Address(path=str(path))
    return decode(content, request_for(probe(content), indices)).jpegs


def request_for(found: VideoProbe, indices: tuple[int, ...]) -> FrameRequest:
    """Ask for the frames at some positions."""
    return FrameRequest(pts=tuple(found.pts[list(indices)].tolist()), indices=indices, size=SIZE)


def bare_decord(path: Path, indices: tuple[int, ...]) -> Jpegs:
    """Read with decord's get_batch at the stored size."""
    import decord

    width, height = stored_size()
    reader = decord.VideoReader(str(path), ctx=decord.cpu(0), width=width, height=height, num_threads=1)
    return [store(picture) for picture in reader.get_batch(list(indices)).asnumpy()]


def bare_pyav(path: Path, indices: tuple[int, ...]) -> Jpegs:
    """Decode in order when dense, else seek to each frame's second, with PyAV."""
    width, height = stored_size()
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        wanted = [round(index / RATE / float(stream.time_base or 1)) for index in indices]
        is_dense = len(indices) * 300 > indices[-1]
        jpegs: list[bytes] = []
        frames = container.decode(stream)
        for pts in wanted:
            if not is_dense:
                container.seek(pts, stream=stream)
                frames = container.decode(stream)
            frame = next(frame for frame in frames if (frame.pts or 0) >= pts)
            jpegs.append(store(frame.reformat(width, height, "rgb24").to_ndarray()))
    return jpegs


def torchcodec(path: Path, indices: tuple[int, ...]) -> Jpegs:
    """Read with torchcodec's exact mode and resize with Pillow."""
    decoder = import_module("torchcodec.decoders").VideoDecoder(str(path), dimension_order="NHWC", num_ffmpeg_threads=1)
    pictures = decoder.get_frames_at(list(indices)).data.numpy()
    size = stored_size()
    return [store(np.asarray(Image.fromarray(picture).resize(size, reducing_gap=2))) for picture in pictures]


def torchcodec_resize(path: Path, indices: tuple[int, ...]) -> Jpegs:
    """Read with torchcodec's exact mode, resized by the decoder."""
    resize = import_module("torchcodec.transforms").Resize(stored_size()[::-1])
    decoder = import_module("torchcodec.decoders").VideoDecoder(
        str(path), dimension_order="NHWC", num_ffmpeg_threads=1, transforms=[resize]
    )
    return [store(picture) for picture in decoder.get_frames_at(list(indices)).data.numpy()]


def rivals() -> dict[str, Method]:
    """Return the methods that can run here."""
    methods: dict[str, Method] = {"ours": ours, GUARDED: guarded, "decord": bare_decord, "pyav": bare_pyav}
    methods |= {"torchcodec": torchcodec, "torchcodec, resizing": torchcodec_resize}
    for name, module in NEEDS.items():
        try:
            import_module(module)
        except (ImportError, OSError, RuntimeError):
            del methods[name]
    return methods


def measure(path: Path, title: str, report: Report, *, minutes: int, count: int, rounds: int) -> None:
    """Report one case: every method decodes the same frames and stores as many JPEGs of the same size."""
    length = minutes * 60 * RATE
    settings = FrameSettings(max_frames=count, sampling="uniform")
    indices = plan_frames(np.arange(length) / RATE, settings, duration=length / RATE).indices
    runs: dict[str, list[Run]] = {}
    methods = rivals()
    check_same({name: method(path, indices[:8]) for name, method in methods.items()})
    for _ in range(rounds):
        for name, method in methods.items():
            wall, cpu = time.perf_counter(), time.process_time() + child_seconds()
            assert len(method(path, indices)) == count
            wall, cpu = time.perf_counter() - wall, time.process_time() + child_seconds() - cpu
            runs.setdefault(name, []).append(Run(wall=wall, cpu=cpu, peak=0, items=count))
    timings = {name: summarise(found) for name, found in runs.items()}
    size = path.stat().st_size / 1e6
    report.rates(f"video: {title} ({size:.0f} MB) to JPEG of {SIZE} px", timings, ours="ours", unit="frames")


def check_same(found: dict[str, Jpegs]) -> None:
    """Raise where a method's pictures are not those of ours."""
    greys = {
        name: [np.asarray(Image.open(io.BytesIO(data)).convert("L"), float) for data in jpegs]
        for name, jpegs in found.items()
    }
    for name, pictures in greys.items():
        apart = [float(np.abs(one - other).mean()) for one, other in zip(greys["ours"], pictures, strict=True)]
        assert max(apart) < MAX_DIFFERENCE, f"{name}: frames differ from ours by {apart} grey values"


def child_seconds() -> float:
    """Return the CPU-seconds of the guarded child so far."""
    if not guard.pid:
        return 0.0
    fields = Path(f"/proc/{guard.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure_memory(path: Path, opens: int) -> None:
    """Print the resident memory of the guarded child over many opens."""
    request = request_for(probe(Address(path=str(path))), (3, 20))
    for number in range(1, opens + 1):
        decode(Address(path=str(path)), request)
        if number in (1, opens // 20, opens // 10, opens // 2, opens):
            pages = int(Path(f"/proc/{guard.pid}/statm").read_text().split()[1])
            print(f"memory after {number:5} opens: {pages * 4096 / 1e6:.0f} MB")


def main() -> None:
    """Run all cases."""
    parser = arguments(__doc__)
    parser.add_argument("--folder", type=Path, help="where the videos are made and kept; default: a temporary folder")
    parser.add_argument("--opens", type=int, default=200)
    options = parser.parse_args()
    report = Report(path=options.json)
    for name, module in NEEDS.items():
        if name not in rivals():
            report.missing(name, f"{module} can't be imported; torchcodec needs FFmpeg's libraries of the system")
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        minute = folder / "1min.mp4"
        if not minute.exists():
            encode_minute(minute)
        for title, (minutes, count) in CASES.items():
            path = folder / f"{minutes}min.mp4"
            if not path.exists():
                repeat(minute, path, times=minutes)
            measure(path, title, report, minutes=minutes, count=count, rounds=options.rounds)
        measure_memory(minute, options.opens)


if __name__ == "__main__":
    main()
