import asyncio
import struct
from collections import Counter

MAX_FRAME_BYTES = 64 * 1024
places = Counter()  # How many connections each address has.


async def read_frame(reader):
    first = await reader.read(1)
    if not first:
        return None
    # From the first byte of a message to its last.
    async with asyncio.timeout(0.3):
        header = first + await reader.readexactly(3)
        (size,) = struct.unpack(">I", header)
        if size > MAX_FRAME_BYTES:
            raise ValueError(f"a frame of {size} bytes")
        return await reader.readexactly(size)


async def handle(reader, writer):
    address = writer.get_extra_info("peername")[0]
    if places[address] >= 2 or places.total() >= 1_000:
        writer.close()
        return
    places[address] += 1
    try:
        while (frame := await read_frame(reader)) is not None:
            print(f"  a frame of {len(frame)} bytes")
    except TimeoutError:
        print("  no whole frame within 0.3 s")
    except (OSError, EOFError, ValueError) as error:
        print(f"  {type(error).__name__}: {error}")
    finally:
        places[address] -= 1
        writer.close()


async def attack(name, sent, port):
    print(name)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    if name == "an honest client":
        writer.write_eof()
    await reader.read()  # Until the server has hung up.
    writer.close()


async def main():
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    await attack("an honest client", b"\0\0\0\2hi", port)
    await attack("one that claims 4 GiB", b"\xff\xff\xff\xff", port)
    await attack("one that begins a message and waits", b"\0\0\0\x09h", port)
    print("one that wants three places")
    clients = []
    for _ in range(3):
        clients.append(await asyncio.open_connection("127.0.0.1", port))
    third = await clients[2][0].read()
    print(f"  the third was {'let in' if third else 'turned away'}")
    for reader, writer in clients[:2]:
        writer.write_eof()
        await reader.read()
        writer.close()
    clients[2][1].close()
    server.close()


asyncio.run(main())
