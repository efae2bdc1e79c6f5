import asyncio


async def handle(reader, writer):
    match await reader.readline():
        case b"half a message\n":
            writer.write(b"so far")
        case b"a long line\n":
            writer.write(b"a" * 100 + b"\n")
        case b"silence\n":
            await reader.read()
    writer.close()


async def attempt(name, port, limit=65_536, timeout=10):
    try:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, limit=limit
        )
        writer.write(f"{name}\n".encode())
        async with asyncio.timeout(timeout):
            await (
                reader.readexactly(10)
                if name == "half a message"
                else reader.readuntil(b"\n")
            )
    except ConnectionRefusedError:
        print(f"{name}: ConnectionRefusedError")
        return
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        print(f"{name}: {type(error).__name__}: {error}")
    except TimeoutError:
        print(f"{name}: TimeoutError")
    writer.close()
    await writer.wait_closed()


async def main():
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    await attempt("nothing listens", 1)
    await attempt("half a message", port)
    await attempt("a long line", port, limit=40)
    await attempt("silence", port, timeout=0.1)
    server.close()


asyncio.run(main())
