import asyncio
import struct


def encode(room, tenths):
    name = room.encode()
    body = struct.pack(f">BH{len(name)}sh", 1, len(name), name, tenths)
    return struct.pack(">H", len(body)) + body


def decode(body):
    version, size = struct.unpack_from(">BH", body)
    name, tenths = struct.unpack_from(f">{size}sh", body, 3)
    return name.decode(), tenths


async def handle(reader, writer):
    try:
        while True:
            (size,) = struct.unpack(">H", await reader.readexactly(2))
            if size > 1024:
                raise ValueError(f"a packet of {size} bytes")
            room, tenths = decode(await reader.readexactly(size))
            print(f"{room}: {tenths / 10} degrees")
    except asyncio.IncompleteReadError:
        print("no more readings")
    writer.close()


async def main():
    print("on the wire:", encode("kitchen", 215).hex())
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(encode("kitchen", 215))
    writer.write(encode("cellar", -15))
    await writer.drain()
    writer.write_eof()
    await reader.read()  # Until the server has closed.
    writer.close()
    server.close()


asyncio.run(main())
