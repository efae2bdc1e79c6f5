import asyncio
import re

members = {}  # The writer of each member, by its name.


def tell_others(sender, line):
    for name, writer in members.items():
        if name == sender or writer.is_closing():
            continue
        # Does not wait: a slow member slows no other, and is cut.
        if writer.transport.get_write_buffer_size() > 65_536:
            writer.transport.abort()
        else:
            writer.write(f"{line}\n".encode())


async def converse(reader, writer):
    writer.write(b"what is your name?\n")
    async with asyncio.timeout(60):
        name = (await reader.readline()).decode().rstrip("\r\n")
    if not re.fullmatch(r"\w{1,20}", name, re.ASCII) or name in members:
        writer.write(b"this name is taken, or is none\n")
        return

    members[name] = writer
    print(f"{name} came, {len(members)} here")
    tell_others(name, f"* {name} came")
    try:
        while line := await reader.readline():
            text = line.decode().rstrip("\r\n")
            tell_others(name, f"{name}: {text}")
    finally:
        del members[name]
        tell_others(name, f"* {name} left")
        print(f"{name} left, {len(members)} here")


async def handle(reader, writer):
    try:
        await converse(reader, writer)
    except (OSError, ValueError):
        pass  # Gone, too late, too long a line, or no UTF-8.
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(
        handle, "127.0.0.1", 8888, limit=1_000
    )
    print("chat on port", server.sockets[0].getsockname()[1])
    await server.serve_forever()


asyncio.run(main())
