import { assertEquals } from "@std/assert";
import { connect, framed } from "@sluice/net";
import {
  array,
  bool,
  f32le,
  f64,
  i16,
  i64le,
  lengthPrefixed,
  packets,
  struct,
  u16,
  u24,
  u32le,
  u64,
  u8,
  utf8,
} from "@sluice/net/codec";
import { lacksPrograms } from "../_support/programs.ts";
import { start } from "../_support/run_program.ts";

const PYTHON = { ignore: lacksPrograms("python3"), timeout: 30_000 };

/** Reads frames with asyncio, takes them apart with struct, and answers. */
const SERVER = `
import asyncio, struct

async def handle(reader, writer):
    while True:
        try:
            (size,) = struct.unpack("<H", await reader.readexactly(2))
        except asyncio.IncompleteReadError:
            break
        frame = await reader.readexactly(size)
        a, b = struct.unpack_from(">BH", frame, 0)
        c = int.from_bytes(frame[3:6], "big")
        d, = struct.unpack_from("<I", frame, 6)
        e, f = struct.unpack_from(">Qh", frame, 10)
        g, h = struct.unpack_from("<qf", frame, 20)
        i, j, n = struct.unpack_from(">d?B", frame, 32)
        text = frame[42:42 + n].decode()
        (count,) = struct.unpack_from(">B", frame, 42 + n)
        xs = struct.unpack_from(f">{count}H", frame, 43 + n)
        print(a, b, c, d, e, f, g, h, i, j, text, *xs, flush=True)
        raw = text.upper().encode()
        body = struct.pack(">BH", 255 - a, b) + (c + 1).to_bytes(3, "big")
        body += struct.pack("<I", d) + struct.pack(">Qh", e, -f)
        body += struct.pack("<qf", -g, h) + struct.pack(">d?B", i * 2, not j, len(raw))
        body += raw + struct.pack(f">B{count}H", count, *reversed(xs))
        writer.write(struct.pack("<H", len(body)) + body)
        await writer.drain()
    writer.close()

async def main():
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
`;

const record = struct({
  a: u8,
  b: u16,
  c: u24,
  d: u32le,
  e: u64,
  f: i16,
  g: i64le,
  h: f32le,
  i: f64,
  j: bool,
  text: utf8(u8),
  xs: array(u16, u8),
});

Deno.test(
  "struct() and lengthPrefixed() speak with Python's struct and asyncio",
  PYTHON,
  async () => {
    await using python = start("python3", ["-c", SERVER]);
    const port = Number(await python.line());
    const codec = packets(
      record,
      lengthPrefixed({ lengthBytes: 2, byteOrder: "little" }),
    );
    await using client = framed(await connect({ port }), codec);
    const sent = {
      a: 200,
      b: 65_535,
      c: 0x010203,
      d: 4_000_000_000,
      e: 2n ** 64n - 1n,
      f: -32_767,
      g: -(2n ** 62n),
      h: 1.5,
      i: -1e300,
      j: true,
      text: "Zoë €",
      xs: [1, 256, 65_535],
    };
    await client.send(sent);
    assertEquals(
      await python.line(),
      "200 65535 66051 4000000000 18446744073709551615 -32767 " +
        "-4611686018427387904 1.5 -1e+300 True Zoë € 1 256 65535",
    );
    assertEquals(await client.receive(), {
      ...sent,
      a: 55,
      c: 0x010204,
      f: 32_767,
      g: 2n ** 62n,
      i: -2e300,
      j: false,
      text: "ZOË €",
      xs: [65_535, 256, 1],
    });
    // Many at once arrive as many.
    const burst = Array.from({ length: 200 }, (_, b) => ({ ...sent, b }));
    const received = (async () => {
      const numbers: number[] = [];
      while (numbers.length < burst.length) {
        numbers.push((await client.receive())!.b);
      }
      return numbers;
    })();
    await client.sendAll(burst);
    assertEquals(await received, burst.map(({ b }) => b));
  },
);
