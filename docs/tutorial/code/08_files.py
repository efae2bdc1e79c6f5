import asyncio
import hashlib
import os
import re
import shutil
import struct

FOLDER = "received"


# Before the contents: what the file is called, its size, and its SHA-256.
def encode_offer(name, size, sha256):
    raw = name.encode()
    body = struct.pack(f">H{len(raw)}sI32s", len(raw), raw, size, sha256)
    return struct.pack(">I", len(body)) + body


async def read_offer(reader):
    (length,) = struct.unpack(">I", await reader.readexactly(4))
    if length > 1024:
        raise ValueError(f"an offer of {length} bytes")
    body = await reader.readexactly(length)
    (size_of_name,) = struct.unpack_from(">H", body)
    name, size, sha256 = struct.unpack(f">2x{size_of_name}sI32s", body)
    return name.decode(), size, sha256


async def receive(reader):
    async with asyncio.timeout(10):
        name, size, sha256 = await read_offer(reader)
    if not re.fullmatch(r"\w[\w.-]{0,99}", name, re.ASCII):
        return "refused: not a file name"

    # Under another name until it is whole and proven.
    part = f"{FOLDER}/{name}.part"
    proof = hashlib.sha256()
    with open(part, "wb") as disk:
        left = size
        while left > 0:
            async with asyncio.timeout(10):
                chunk = await reader.readexactly(min(left, 65_536))
            proof.update(chunk)
            left -= len(chunk)
            # Other clients are served while the disk works.
            await asyncio.to_thread(disk.write, chunk)
    if proof.digest() != sha256:
        return "refused: the contents have changed on the way"
    os.replace(part, f"{FOLDER}/{name}")
    return f"stored {size} bytes"


async def handle(reader, writer):
    try:
        writer.write(f"{await receive(reader)}\n".encode())
        await writer.drain()
    except (OSError, EOFError, ValueError, struct.error) as error:
        print("a transfer failed:", error)
    finally:
        writer.close()


async def send(name, contents, port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    sha256 = hashlib.sha256(contents).digest()
    writer.write(encode_offer(name, len(contents), sha256))
    writer.write(contents)
    async with asyncio.timeout(10):
        answer = await reader.readline()
    print(f"{name}:", answer.decode().rstrip("\n"))
    writer.close()


async def main():
    os.makedirs(FOLDER, exist_ok=True)
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    contents = os.urandom(60_000)
    await send("photo.jpg", contents, port)
    await send("../secret.txt", contents, port)

    with open(f"{FOLDER}/photo.jpg", "rb") as file:
        print("the same bytes:", file.read() == contents)
    shutil.rmtree(FOLDER)  # The next run begins anew.
    server.close()


asyncio.run(main())
