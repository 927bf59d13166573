"""Looks into one video file: what is in it, a picture of it, the subtitles that it carries.

Runs inside the sandbox, alone, never imported by the tool: it decodes what somebody uploaded.
`sealed_probe.py FILE SECOND whole|beginning` writes `facts.json`, `poster.jpg` and `captions.json` into the working
folder; SECOND is where the picture is taken, or -1 to choose a frame that shows something. Of a `beginning` neither
length nor subtitles are taken.
"""

import json
import sys
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import av.filter

PICTURE_WIDTH = 1280
CANDIDATES = (0.1, 0.25, 0.5, 0.02)
"""Shares of the duration at which frames are looked at."""
LIVELY = 200.0
"""Variance of brightness from which on a frame is taken to show something (a black one has 0)."""
MAX_TRACKS = 20
MAX_CUES = 20_000


def main() -> None:
    """Write what there is to find. A file that cannot be read ends with code 3."""
    path, second, is_whole = sys.argv[1], float(sys.argv[2]), sys.argv[3] == "whole"
    try:
        with av.open(path, metadata_errors="replace") as container:
            facts = read_facts(container)
            Path("facts.json").write_text(json.dumps(facts))
            if not facts["video_codec"]:
                return
            if facts["duration_ms"] is None and is_whole:
                facts["duration_ms"] = measure(path)
                Path("facts.json").write_text(json.dumps(facts))
        captions = read_subtitles(path) if is_whole else []
        if captions:
            Path("captions.json").write_text(json.dumps(captions))
        picture = take_picture(path, second, (facts["duration_ms"] or 0) / 1000)
        if picture is not None:
            if picture.rotation % 180:  # filmed upright: what is seen is as wide as the file says it is high
                facts["width"], facts["height"] = facts["height"], facts["width"]
                Path("facts.json").write_text(json.dumps(facts))
            Path("poster.jpg").write_bytes(as_jpeg(picture))
    except (av.FFmpegError, ValueError, OverflowError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(3)


def read_facts(container: Any) -> dict[str, Any]:
    """Format, codecs, size as seen, duration if the file says it."""
    videos = [
        stream for stream in container.streams.video if not stream.disposition & av.stream.Disposition.attached_pic
    ]
    video = videos[0] if videos else None
    audio = container.streams.audio[0] if container.streams.audio else None
    duration_ms = container.duration // 1000 if container.duration else None
    if duration_ms is None and video is not None and video.duration:
        duration_ms = int(video.duration * video.time_base * 1000)
    return {
        "format": container.format.name,
        "video_codec": video.codec_context.name if video is not None else "",
        "audio_codec": audio.codec_context.name if audio is not None else "",
        "width": video.codec_context.width if video is not None else 0,
        "height": video.codec_context.height if video is not None else 0,
        "duration_ms": duration_ms,
    }


def measure(path: str) -> int | None:
    """The end of the last packet: recordings made in a browser do not say how long they are."""
    end = Fraction(0)
    with av.open(path, metadata_errors="replace") as container:
        for packet in container.demux(container.streams.video[0]):
            if packet.pts is not None:
                end = max(end, (packet.pts + (packet.duration or 0)) * packet.time_base)
    return int(end * 1000) or None


def read_subtitles(path: str) -> list[dict[str, Any]]:
    """Text subtitles, by track: language, title, is it the default, [start ms, end ms, text] for each cue."""
    with av.open(path, metadata_errors="replace") as container:
        streams = list(container.streams.subtitles)[:MAX_TRACKS]
        tracks: dict[int, dict[str, Any]] = {
            stream.index: {
                "language": str(stream.metadata.get("language", "")),
                "title": str(stream.metadata.get("title", "")),
                "default": bool(stream.disposition & av.stream.Disposition.default),
                "cues": [],
            }
            for stream in streams
        }
        if not streams:
            return []
        for packet in container.demux(streams):
            cues = tracks[packet.stream.index]["cues"]
            if packet.pts is not None and packet.size and len(cues) < MAX_CUES:
                cues += decode_cue(packet)
    return [track for track in tracks.values() if track["cues"]]


def decode_cue(packet: Any) -> list[list[Any]]:
    """The texts of one packet; pictures have none."""
    start = int(packet.pts * packet.time_base * 1000)
    end = start + int((packet.duration or 0) * packet.time_base * 1000)
    found = []
    for part in packet.decode():
        for rect in getattr(part, "rects", None) or [part]:
            said = getattr(rect, "dialogue", b"") or getattr(rect, "text", b"")
            text = said.decode("utf-8", errors="replace") if isinstance(said, bytes) else str(said)
            if text.strip():
                found.append([start, end, text.replace("\\N", "\n").replace("\\n", "\n")])
    return found


def take_picture(path: str, second: float, duration_s: float) -> Any:
    """The frame at `second`, or the liveliest of a few; None if there is none."""
    places = [second] if second >= 0 else [share * duration_s for share in CANDIDATES]
    best, best_life = None, -1.0
    with av.open(path, metadata_errors="replace") as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        for place in places:
            frame = frame_at(container, stream, place)
            life = liveliness(frame) if frame is not None else -1.0
            if frame is not None and life > best_life:
                best, best_life = frame, life
            if best_life >= LIVELY:
                break
        return best


def frame_at(container: Any, stream: Any, second: float) -> Any:
    """The first frame shown at or after a time; the last before it if there is none."""
    try:
        container.seek(int(max(0.0, second) / stream.time_base), stream=stream)
    except av.FFmpegError:
        container.seek(0)
    last = None
    for frame in container.decode(stream):
        last = frame
        if frame.time is None or frame.time >= second - 0.001:
            break
    return last


def liveliness(frame: Any) -> float:
    """Variance of brightness over a grid of 32 by 18."""
    small = frame.reformat(width=32, height=18, format="gray")
    plane = small.planes[0]
    row, data = plane.line_size, bytes(plane)
    values = [data[y * row + x] for y in range(18) for x in range(32)]
    mean = sum(values) / len(values)
    return float(sum((value - mean) ** 2 for value in values) / len(values))


def as_jpeg(frame: Any) -> bytes:
    """Upright, in square pixels, at most `PICTURE_WIDTH` wide."""
    ratio = frame.sample_aspect_ratio if getattr(frame, "sample_aspect_ratio", None) else 1
    width, height = max(1, int(frame.width * ratio)) if ratio else frame.width, frame.height
    turn = frame.rotation % 360
    scale = min(1.0, PICTURE_WIDTH / (height if turn in (90, 270) else width))
    width, height = (max(2, int(side * scale) // 2 * 2) for side in (width, height))
    frame = frame.reformat(width=width, height=height, format="yuv420p")
    frame = turned(frame, turn)
    encoder: Any = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, "yuvj420p"
    encoder.time_base, encoder.options = Fraction(1, 25), {"qmin": "4", "qmax": "6"}
    frame = frame.reformat(format="yuvj420p")
    frame.pts = 0
    packets = [*encoder.encode(frame), *encoder.encode(None)]
    return b"".join(bytes(packet) for packet in packets)


def turned(frame: Any, turn: int) -> Any:
    """The frame turned counter-clockwise by 90, 180 or 270 degrees."""
    steps = {90: [("transpose", "cclock")], 270: [("transpose", "clock")], 180: [("hflip", ""), ("vflip", "")]}.get(
        turn
    )
    if not steps:
        return frame
    graph = av.filter.Graph()
    nodes = [graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 25))]
    nodes += [graph.add(name, argument or None) for name, argument in steps]
    nodes.append(graph.add("buffersink"))
    for first, second in pairwise(nodes):
        first.link_to(second)
    graph.configure()
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    graph.push(frame)
    return graph.pull()


if __name__ == "__main__":
    main()
