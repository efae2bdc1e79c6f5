import asyncio
import struct
from collections import deque

# What players say. The server says at each tick: which tick it is, the
# player's last step in there, and where the player is.
HELLO, STEP, READY = 1, 2, 3
SNAPSHOT = struct.Struct(">HHh")


def packet(body):
    return struct.pack(">H", len(body)) + body


async def read_packet(reader):
    (size,) = struct.unpack(">H", await reader.readexactly(2))
    if not 0 < size <= 64:
        raise ValueError(f"a packet of {size} bytes")
    return await reader.readexactly(size)


async def run(reader, writer, all_ready):
    steps = deque()
    while (body := await read_packet(reader))[0] != READY:
        # A queue with an end: a player that floods loses steps, and
        # nothing else.
        if body[0] == STEP and len(steps) < 20:
            steps.append(struct.unpack(">xHb", body))
    await all_ready.wait()

    # The clock of the game: one step at each tick, and no more.
    x = acked = 0
    clock = asyncio.get_running_loop()
    started = clock.time()
    for tick in range(1, 6):
        await asyncio.sleep(started + tick * 0.05 - clock.time())
        if steps:
            acked, dx = steps.popleft()
            x += (dx > 0) - (dx < 0)
        writer.write(packet(SNAPSHOT.pack(tick, acked, x)))
        await writer.drain()


async def play(name, steps, dx, port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    raw = name.encode()
    writer.write(packet(struct.pack(f">BB{len(raw)}s", HELLO, len(raw), raw)))
    predicted = 0
    for sequence in range(1, steps + 1):
        writer.write(packet(struct.pack(">BHb", STEP, sequence, dx)))
        await writer.drain()
        predicted += dx  # On the own screen at once, without waiting.
    writer.write(packet(bytes([READY])))

    x = 0
    try:
        while True:
            _, _, x = SNAPSHOT.unpack(await read_packet(reader))
    except asyncio.IncompleteReadError:
        writer.close()  # The game is over.
    return f"{name} thinks {predicted}, the server says {x}"


async def main():
    all_ready = asyncio.Barrier(2)

    async def handle(reader, writer):
        try:
            await run(reader, writer, all_ready)
        except (OSError, EOFError, ValueError, struct.error) as error:
            print("a player is out:", error)
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    results = await asyncio.gather(
        play("ann", 5, 1, port), play("eve", 100, 100, port)
    )
    print("\n".join(results))
    server.close()


asyncio.run(main())
