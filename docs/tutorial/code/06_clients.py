import asyncio
import time


async def handle(reader, writer):
    questions = 0  # Each client has a counter of its own.
    while line := await reader.readline():
        name = line.decode().rstrip("\n")
        questions += 1
        await asyncio.sleep(0.2)  # Something that takes a while.
        writer.write(f"{name}: answer {questions}\n".encode())
        await writer.drain()
    writer.close()


async def ask(name, port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(2):
        writer.write(f"{name}\n".encode())
        print((await reader.readline()).decode().rstrip("\n"))
    writer.write_eof()
    await reader.read()  # Until the server has closed.
    writer.close()


async def main():
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    started = time.perf_counter()
    await asyncio.gather(ask("ann", port), ask("bob", port), ask("eve", port))
    print(f"all together: {time.perf_counter() - started:.1f} seconds")
    server.close()


asyncio.run(main())
