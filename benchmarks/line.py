"""A kept-alive connection for benchmarks that send much."""

import asyncio


class Line:
    """One kept-alive connection, with as little of HTTP as the server's answers need."""

    def __init__(self, port: int) -> None:
        """Nothing is opened yet."""
        self._port = port
        self._pair: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, body: bytes) -> int:
        """The status of the answer."""
        if self._pair is None:
            self._pair = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._pair
        head = (
            f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(answer.partition("content-length:")[2].partition("\r\n")[0])
        await reader.readexactly(length)
        return int(answer.split(" ", 2)[1])

    async def close(self) -> None:
        """Hang up."""
        if self._pair is not None:
            self._pair[1].close()
            await self._pair[1].wait_closed()
