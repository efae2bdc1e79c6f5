"""The echo of frames and the sink on asyncio.

Usage: asyncio_net.py PORT echo|sink [streams|protocol] [uvloop]

"streams" is what the documentation teaches; "protocol" is what one writes who needs speed:
frames are cut from what came, all answers of one event leave in one write. Both stop
reading from a peer that does not read.
"""

import asyncio
import struct
import sys

MAX_FRAME_BYTES = 16 * 1024 * 1024
HEADER = struct.Struct(">I")


async def echo_streams(reader, writer):
    try:
        while True:
            (length,) = HEADER.unpack(await reader.readexactly(4))
            if length > MAX_FRAME_BYTES:
                break
            frame = await reader.readexactly(length)
            writer.write(HEADER.pack(len(frame)) + frame)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def sink_streams(reader, writer):
    total = 0
    try:
        while chunk := await reader.read(65536):
            total += len(chunk)
            if chunk[-1] != 0:
                writer.write(struct.pack(">Q", total))
    except ConnectionError:
        pass
    finally:
        writer.close()


class EchoProtocol(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
        self.buffer = bytearray()

    def data_received(self, data):
        buffer = self.buffer
        buffer += data
        size = len(buffer)
        at = 0
        out = []
        while size - at >= 4:
            (length,) = HEADER.unpack_from(buffer, at)
            if length > MAX_FRAME_BYTES:
                self.transport.abort()
                return
            end = at + 4 + length
            if end > size:
                break
            frame = bytes(buffer[at + 4 : end])
            out.append(HEADER.pack(len(frame)))
            out.append(frame)
            at = end
        if at:
            del buffer[:at]
            self.transport.write(b"".join(out))

    def pause_writing(self):
        self.transport.pause_reading()

    def resume_writing(self):
        self.transport.resume_reading()


class SinkProtocol(asyncio.BufferedProtocol):
    def connection_made(self, transport):
        self.transport = transport
        self.buffer = bytearray(65536)
        self.total = 0

    def get_buffer(self, sizehint):
        return self.buffer

    def buffer_updated(self, nbytes):
        self.total += nbytes
        if self.buffer[nbytes - 1] != 0:
            self.transport.write(struct.pack(">Q", self.total))


async def serve(port, service, style):
    loop = asyncio.get_running_loop()
    # By host and port, not by a socket of ours: asyncio sets TCP_NODELAY only where the
    # socket says that its protocol is TCP.
    where = {"host": "127.0.0.1", "port": port, "backlog": 4096}
    if style == "streams":
        handler = {"echo": echo_streams, "sink": sink_streams}[service]
        server = await asyncio.start_server(handler, **where)
    else:
        protocol = {"echo": EchoProtocol, "sink": SinkProtocol}[service]
        server = await loop.create_server(protocol, **where)
    print(f"listening on {server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


def main():
    options = dict(enumerate(sys.argv))
    port, service = options.get(1, ""), options.get(2, "echo")
    style, loop = options.get(3, "streams"), options.get(4, "")
    if (
        not port.isdigit()
        or service not in ("echo", "sink")
        or style not in ("streams", "protocol")
        or loop not in ("", "uvloop")
    ):
        sys.exit("usage: asyncio_net.py PORT echo|sink [streams|protocol] [uvloop]")
    if loop == "uvloop":
        import uvloop

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(serve(int(port), service, style))


main()
