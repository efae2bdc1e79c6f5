/**
 * Talks to Python's asyncio over plain TCP, in both roles.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { lengthPrefixed } from "../../lib/codec/length_prefixed.ts";
import { lines } from "../../lib/codec/lines.ts";
import { BrokenError, UnexpectedEofError } from "../../lib/errors.ts";
import { framed } from "../../lib/framed/framed.ts";
import { serve } from "../../lib/server/serve.ts";
import { connect } from "../../lib/socket/connect.ts";
import { lacksPrograms } from "../_support/programs.ts";
import { start } from "../_support/run_program.ts";
import { bytes } from "../_support/sockets.ts";

const OPTIONS = { timeout: 30_000, ignore: lacksPrograms("python3") };

const FRAMED_CLIENT = `
import asyncio, struct, sys

async def talk(port, number):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for i in range(20):
        frame = bytes([number]) * (i * 300)
        data = struct.pack(">I", len(frame)) + frame
        # In two pieces, to be put together again.
        writer.write(data[:3])
        await writer.drain()
        writer.write(data[3:])
        await writer.drain()
        size, = struct.unpack(">I", await reader.readexactly(4))
        assert await reader.readexactly(size) == frame
    writer.write_eof()
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()

async def main():
    port = int(sys.argv[1])
    await asyncio.gather(*(talk(port, number) for number in range(5)))
    print("all is well")

asyncio.run(main())
`;

Deno.test(
  "asyncio clients get their frames back from serve()",
  OPTIONS,
  async () => {
    await using server = serve({ port: 0 }, async (socket) => {
      const connection = framed(socket, lengthPrefixed());
      for await (const frame of connection) await connection.send(frame);
    });
    const { port } = server.addr;
    await using client = start("python3", ["-c", FRAMED_CLIENT, String(port)]);
    const { code, stdout, stderr } = await client.finish();
    assertEquals([stderr, stdout.trim(), code], ["", "all is well", 0]);
    assertEquals([server.stats.accepted, server.stats.failed], [5, 0]);
  },
);

const LINE_SERVER = `
import asyncio

async def handle(reader, writer):
    while line := await reader.readline():
        if line == b"reset\\n":
            # RST instead of FIN.
            import socket, struct
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return
        if line == b"cut\\n":
            writer.write(b"\\0\\0\\0\\x09half")
            break
        writer.write(line.upper())
        await writer.drain()
    writer.write(b"bye\\n")
    writer.close()

async def main():
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
`;

Deno.test(
  "connect() talks to an asyncio server, and hears how it ends",
  OPTIONS,
  async () => {
    await using server = start("python3", ["-c", LINE_SERVER]);
    const port = Number(await server.line());

    await using polite = await connect({ port });
    const connection = framed(polite, lines());
    for (const line of ["one", "zwei", "drei"]) {
      await connection.send(line);
      assertEquals(await connection.receive(), line.toUpperCase());
    }
    // Half-close: it reads our end, and answers all the same.
    await polite.closeWrite();
    assertEquals(await connection.receive(), "bye");
    assertEquals(await connection.receive(), null);

    using reset = await connect({ port });
    await reset.write("reset\n");
    const error = await assertRejects(() => reset.read(), BrokenError);
    assertEquals(error.reason, "reset");

    using cut = await connect({ port });
    await cut.write("cut\n");
    const frames = framed(cut, lengthPrefixed());
    await assertRejects(() => frames.receive(), UnexpectedEofError);
  },
);

const SINK = `
import asyncio, hashlib

async def handle(reader, writer):
    digest, size = hashlib.sha256(), 0
    # Slowly at first, so that the sender has to wait.
    await asyncio.sleep(0.05)
    while chunk := await reader.read(10_000):
        digest.update(chunk)
        size += len(chunk)
    writer.write(f"{size} {digest.hexdigest()}\\n".encode())
    await writer.drain()
    writer.close()

async def main():
    server = await asyncio.start_server(handle, "127.0.0.1", 0, limit=10_000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
`;

Deno.test("a slow asyncio reader gets all of 8 MiB", OPTIONS, async () => {
  await using server = start("python3", ["-c", SINK]);
  const port = Number(await server.line());
  await using socket = await connect({ port });
  const sent = bytes(8 * 1024 * 1024);
  for (let start = 0; start < sent.length; start += 100_000) {
    await socket.write(sent.subarray(start, start + 100_000));
  }
  await socket.closeWrite();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", sent));
  assertEquals(
    await socket.readLine(),
    `${sent.length} ${digest.toHex()}`,
  );
});
