"""Small videos, made anew by each test that needs one."""

import io
from fractions import Fraction
from typing import Any

import av

SRT = (
    b"1\n00:00:01,000 --> 00:00:03,000\nWelcome to <i>trees</i>\n\n"
    b"2\n00:00:04,000 --> 00:00:06,000\nRoots come first\n\n"
)
VTT = (
    b"WEBVTT\n\n00:01.000 --> 00:03.000\nWelcome to trees\n\n00:04.000 --> 00:06.000\nRoots come first\n\n"
    b"00:08.000 --> 00:09.500\n<v Grace>Leaves come last\n"
)
SIZE = (160, 90)


def make_video(
    seconds: float = 10,
    *,
    codec: str = "libvpx-vp9",
    kind: str = "webm",
    rate: int = 5,
    sound: bool = False,
    dark_until: float = 0,
) -> bytes:
    """A video whose brightness grows; black until `dark_until`."""
    made = io.BytesIO()
    with av.open(made, "w", format=kind) as container:
        video: Any = container.add_stream(codec, rate=rate)
        video.width, video.height = SIZE
        video.pix_fmt = "yuv420p"
        video.gop_size = rate * 2
        if codec == "libvpx-vp9":
            video.options = {"deadline": "realtime", "cpu-used": "8", "crf": "50", "b": "0"}
        audio: Any = container.add_stream("libopus" if kind == "webm" else "aac", rate=48000) if sound else None
        for number in range(int(seconds * rate)):
            for packet in video.encode(_frame(number, rate, dark=number < dark_until * rate)):
                container.mux(packet)
        container.mux(video.encode(None))
        if audio is not None:
            _add_silence(container, audio, seconds)
    return made.getvalue()


def with_subtitles(video: bytes, language: str = "eng", srt: bytes = SRT) -> bytes:
    """The video in Matroska with a track of subtitles."""
    made = io.BytesIO()
    with (
        av.open(io.BytesIO(video)) as pictures,
        av.open(io.BytesIO(srt), format="srt") as words,
        av.open(made, "w", format="matroska") as container,
    ):
        outputs = [
            (pictures, container.add_stream_from_template(pictures.streams.video[0])),
            (words, container.add_stream_from_template(words.streams.subtitles[0])),
        ]
        outputs[1][1].metadata["language"] = language
        for source, output in outputs:
            for packet in source.demux():
                if packet.dts is not None:
                    packet.stream = output
                    container.mux(packet)
    return made.getvalue()


def without_length(video: bytes) -> bytes:
    """As a browser records it: the file does not say how long it is."""
    made = io.BytesIO()
    with (
        av.open(io.BytesIO(video)) as source,
        av.open(made, "w", format="webm", options={"live": "1"}) as container,
    ):
        output = container.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = output
                container.mux(packet)
    return made.getvalue()


def make_sound() -> bytes:
    """An Ogg file with silence."""
    made = io.BytesIO()
    with av.open(made, "w", format="webm") as container:
        _add_silence(container, container.add_stream("libopus", rate=48000), 1)
    return made.getvalue()


def _frame(number: int, rate: int, *, dark: bool) -> Any:
    width, height = SIZE
    frame = av.VideoFrame(width, height, "yuv420p")
    for plane, part in zip(frame.planes, ("y", "u", "v"), strict=True):
        if part == "y":
            bright = 40 + number * 7 % 150
            half = bytes(
                [16] * (plane.line_size // 2) + [16 if dark else bright] * (plane.line_size - plane.line_size // 2)
            )
            plane.update((half * height)[: plane.buffer_size])
        else:
            plane.update(bytes([128]) * plane.buffer_size)
    frame.pts, frame.time_base = number, Fraction(1, rate)
    return frame


def _add_silence(container: Any, audio: Any, seconds: float) -> None:
    for number in range(int(seconds * 50)):
        frame = av.AudioFrame(format="s16", layout="mono", samples=960)
        frame.planes[0].update(bytes(frame.planes[0].buffer_size))
        frame.sample_rate, frame.pts, frame.time_base = 48000, number * 960, Fraction(1, 48000)
        container.mux(audio.encode(frame))
    container.mux(audio.encode(None))
