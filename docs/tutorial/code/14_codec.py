import asyncio
import struct


async def read_greeting(reader):
    _version, size = struct.unpack(">BB", await reader.readexactly(2))
    return (await reader.readexactly(size)).decode()


async def main():
    # The class that open_connection gives, fed by hand: bytes of a file, of
    # a web page, or of a test will do.
    reader = asyncio.StreamReader()
    reader.feed_data(b"\x01\x03ann\x01")
    reader.feed_data(b"\x03bob")
    reader.feed_eof()
    while not reader.at_eof():
        print(f"hello, {await read_greeting(reader)}")


asyncio.run(main())
