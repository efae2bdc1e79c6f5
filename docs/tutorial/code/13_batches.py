import asyncio
import time

COUNT = 2_000


async def handle(reader, writer):
    rest = b""
    # All lines of one read together, and all answers in one write.
    while (chunk := await reader.read(65_536)) and len(rest) < 1_000:
        *lines, rest = (rest + chunk).split(b"\n")
        writer.write(b"".join(line + b"\n" for line in lines))
        await writer.drain()
    writer.close()


async def one_at_a_time(reader, writer):
    """One question, one answer, the next question."""
    for _ in range(COUNT):
        writer.write(b"ping\n")
        await reader.readline()


async def many_under_way(reader, writer):
    """Questions and answers side by side."""

    async def receive():
        for _ in range(COUNT):
            await reader.readline()

    writer.write(b"ping\n" * COUNT)
    await asyncio.gather(writer.drain(), receive())


async def measure(task, reader, writer):
    """The middle one of several runs, after one that does not count."""
    await task(reader, writer)
    times = []
    for _ in range(5):
        started = time.perf_counter()
        await task(reader, writer)
        times.append(time.perf_counter() - started)
    return sorted(times)[2]


async def main():
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    slow = await measure(one_at_a_time, reader, writer)
    fast = await measure(many_under_way, reader, writer)
    print(f"one at a time: {COUNT / slow:.0f} answers a second")
    print(f"many under way: {COUNT / fast:.0f} answers a second")
    print(f"{slow / fast:.0f} times as many")

    writer.write_eof()
    await reader.read()  # Until the server has closed.
    writer.close()
    server.close()


asyncio.run(main())
