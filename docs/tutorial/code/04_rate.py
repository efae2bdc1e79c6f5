import asyncio
import time

RATE = 1_000_000  # Bytes a second.


async def handle(reader, writer):
    started = time.perf_counter()
    total, following = 0, 200_000
    while chunk := await reader.read(65_536):
        total += len(chunk)
        if total < following:
            continue
        following += 200_000
        rate = total / (time.perf_counter() - started)
        print(f"{total / 1e6:.1f} MB, {rate / 1e6:.1f} MB/s")
    writer.close()


async def main():
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    chunk = bytes(10_000)
    started = time.perf_counter()
    for count in range(1, 101):
        writer.write(chunk)
        await writer.drain()
        # Sleep until the time at which so many bytes may have been sent.
        due = started + count * len(chunk) / RATE
        await asyncio.sleep(max(0, due - time.perf_counter()))

    writer.write_eof()
    await reader.read()  # Until the server has closed.
    writer.close()
    server.close()


asyncio.run(main())
