import asyncio

COUNT = 100_000


async def handle(reader, writer):
    while chunk := await reader.read(65_536):
        writer.write(chunk)
        await writer.drain()
    writer.close()


async def send(writer):
    for i in range(1, COUNT + 1):
        line = f"this is line number {i} of a long conversation\n"
        writer.write(line.encode())
        await writer.drain()
    writer.write_eof()  # That was all; answers may still come.


async def receive(reader):
    count = 0
    while await reader.readline():
        count += 1
    return count


async def main():
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    # Side by side: neither waits for the other one to end.
    _, received = await asyncio.gather(send(writer), receive(reader))
    print(f"{COUNT} lines sent, {received} received")
    writer.close()
    server.close()


asyncio.run(main())
