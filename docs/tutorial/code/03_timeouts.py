import asyncio


async def handle(reader, writer):
    while line := await reader.readline():
        question = line.decode().rstrip("\n")
        await asyncio.sleep(0.3 if question == "a hard one" else 0)
        writer.write(f"answer to {question}\n".encode())
        await writer.drain()
    writer.close()


async def main():
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    # To connect.
    async with asyncio.timeout(3):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)

    # For one answer.
    writer.write(b"a hard one\n")
    try:
        async with asyncio.timeout(0.1):
            await reader.readline()
    except TimeoutError:
        print("no answer within 0.1 s")
    async with asyncio.timeout(10):
        print((await reader.readline()).decode().rstrip("\n"))

    # For a whole conversation.
    async with asyncio.timeout(10):
        for question in ["one", "two"]:
            writer.write(f"{question}\n".encode())
            print((await reader.readline()).decode().rstrip("\n"))

    writer.write_eof()
    await reader.read()  # Until the server has closed.
    writer.close()
    server.close()


asyncio.run(main())
