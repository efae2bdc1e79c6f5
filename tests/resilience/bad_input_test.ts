/**
 * Input that no codec should accept: it ends in frames or in a typed error of its own
 * connection, within bounded memory, and all others are served on.
 *
 * @module
 */

import { assert, assertEquals, assertLess } from "@std/assert";
import {
  type Codec,
  connect,
  contentLength,
  delimited,
  fixed,
  framed,
  FrameTooLargeError,
  type Handler,
  json,
  lengthPrefixed,
  lines,
  MalformedFrameError,
  netstring,
  SocketError,
  text,
  UnexpectedEofError,
  varintPrefixed,
} from "@sluice/net";
import { encodeStream } from "@sluice/net/codec";
import { badDayServer } from "./_bad_day_server.ts";
import { type Random, SEED, seededRandom } from "./_random.ts";
import { garbage, readAll, writeAll } from "./_raw_client.ts";
import { beginReport } from "./_report.ts";

const timeout = 30_000;
const hostname = "127.0.0.1";
const report = beginReport("bad input");

/** Small caps, so that garbage meets them. */
const maxFrameBytes = 512;

/** A codec, and a frame of it. */
interface Case {
  codec: Codec<unknown, never>;
  frame: unknown;
  /** It makes a frame of anything. */
  takesAll?: boolean;
}

const bytes = new TextEncoder().encode("some bytes of a frame");
const CASES: Record<string, Case> = {
  "lengthPrefixed()": {
    codec: lengthPrefixed({ maxFrameBytes }),
    frame: bytes,
  },
  "lengthPrefixed(2, little)": {
    codec: lengthPrefixed({
      lengthBytes: 2,
      byteOrder: "little",
      maxFrameBytes,
    }),
    frame: bytes,
  },
  "lengthPrefixed(8)": {
    codec: lengthPrefixed({ lengthBytes: 8, maxFrameBytes }),
    frame: bytes,
  },
  "lengthPrefixed(skip)": {
    codec: lengthPrefixed({ maxFrameBytes, oversize: "skip" }),
    frame: bytes,
  },
  "varintPrefixed()": {
    codec: varintPrefixed({ maxFrameBytes }),
    frame: bytes,
  },
  "delimited(CRLF CRLF)": {
    codec: delimited({ delimiter: "\r\n\r\n", maxFrameBytes }),
    frame: bytes,
  },
  "lines()": { codec: lines({ maxLineBytes: 512 }), frame: "a line" },
  "lines(strict, fatal)": {
    codec: lines({ newline: "\r\n", fatal: true, maxLineBytes: 512 }),
    frame: "a line",
  },
  "lines(truncate)": {
    codec: lines({ oversize: "truncate", maxLineBytes: 512 }),
    frame: "a line",
    takesAll: true,
  },
  "fixed()": { codec: fixed({ frameBytes: bytes.length }), frame: bytes },
  "netstring()": { codec: netstring({ maxFrameBytes }), frame: bytes },
  "contentLength()": { codec: contentLength({ maxFrameBytes }), frame: bytes },
  "json()": { codec: json(lines({ maxLineBytes: 512 })), frame: { a: [1] } },
  "text(netstring())": {
    codec: text(netstring({ maxFrameBytes }), { fatal: true }),
    frame: "text",
  },
};

/** Takes frames until the end, and past the errors that leave a next frame. */
function receiveAll(codec: Codec<unknown, never>, seen: Counts): Handler {
  return async (socket) => {
    const connection = framed(socket, codec);
    while (true) {
      try {
        if (await connection.receive() === null) return;
        seen.frames++;
      } catch (error) {
        seen.refusals++;
        const next =
          error instanceof MalformedFrameError && error.recoverable ||
          error instanceof FrameTooLargeError && error.skipped;
        if (!next) throw error;
      }
    }
  };
}

interface Counts {
  frames: number;
  refusals: number;
}

/** Frames as bytes. */
async function encoded({ codec, frame }: Case): Promise<Uint8Array> {
  const frames = ReadableStream.from(Array(20).fill(frame)) as ReadableStream<
    never
  >;
  return await new Response(
    frames.pipeThrough(encodeStream(codec)),
  ).bytes();
}

/** Good frames with some bytes changed, left out or doubled. */
function damaged(good: Uint8Array, random: Random): Uint8Array {
  const bad = [...good];
  for (let hits = 1 + Math.floor(random() * 4); hits > 0; hits--) {
    const at = Math.floor(random() * bad.length);
    const kind = random();
    if (kind < 0.5) bad[at] = Math.floor(random() * 256);
    else if (kind < 0.75) bad.splice(at, 1 + Math.floor(random() * 8));
    else bad.splice(at, 0, ...bad.slice(at, at + 8));
  }
  return Uint8Array.from(bad);
}

/** Sends something in random pieces, ends, and waits for the end. */
async function feed(
  port: number,
  input: Uint8Array,
  random: Random,
): Promise<void> {
  using conn = await Deno.connect({ hostname, port });
  report.connections++;
  report.badInputs++;
  const gone = readAll(conn);
  const cut = Math.floor(random() * input.length);
  await writeAll(conn, input.subarray(0, cut));
  await writeAll(conn, input.subarray(cut));
  await conn.closeWrite().catch(() => {});
  await gone;
}

for (const [name, each] of Object.entries(CASES)) {
  Deno.test(
    `${name} takes garbage from the network as frames or typed errors`,
    { timeout },
    async () => {
      const random = seededRandom(SEED);
      const seen: Counts = { frames: 0, refusals: 0 };
      await using day = badDayServer(receiveAll(each.codec, seen));
      const good = await encoded(each);
      for (let i = 0; i < 100; i++) {
        await feed(day.port, garbage(random, 2_000), random);
        await feed(day.port, damaged(good, random), random);
      }
      await day.happened("closed", 200);
      for (const error of day.errors) {
        assert(
          error instanceof MalformedFrameError ||
            error instanceof FrameTooLargeError ||
            error instanceof UnexpectedEofError,
          Deno.inspect(error),
        );
      }
      // It was bad indeed, and it did not keep the server from good frames.
      assertEquals(seen.refusals === 0, each.takesAll ?? false);
      const before = seen.frames;
      await feed(day.port, good, random);
      await day.happened("closed", 201);
      report.badInputs--;
      assertEquals(seen.frames - before, 20);
      assertEquals(day.server.stats.active, 0);
    },
  );
}

Deno.test("frames without end are refused at their cap, however much is sent", {
  timeout,
}, async () => {
  const random = seededRandom(SEED);
  const endless = Uint8Array.from({ length: 4 * 1024 * 1024 }, () => 97);
  const most = { maxFrameBytes: 64 * 1024 };
  const codecs: Record<string, [Codec<unknown, never>, string]> = {
    lines: [lines({ maxLineBytes: 64 * 1024 }), ""],
    delimited: [delimited({ delimiter: "##", ...most }), ""],
    lengthPrefixed: [lengthPrefixed(most), "\x00\x40\x00\x00"],
    varintPrefixed: [varintPrefixed(most), "\x80\x80\x80\x02"],
    netstring: [netstring(most), "4194304:"],
    contentLength: [contentLength(most), "Content-Length: 4194304\r\n\r\n"],
  };
  for (const [name, [codec, header]] of Object.entries(codecs)) {
    const seen: Counts = { frames: 0, refusals: 0 };
    await using day = badDayServer(receiveAll(codec, seen), {
      closeTimeoutMs: 1_000,
    });
    const input = new Uint8Array(header.length + endless.length);
    input.set(Uint8Array.from(header, (char) => char.charCodeAt(0)));
    input.set(endless, header.length);
    await feed(day.port, input, random);
    await day.happened("closed");
    assertEquals(seen, { frames: 0, refusals: 1 }, name);
    assert(day.errors[0] instanceof FrameTooLargeError, name);
    // The rest was not even read.
    assertLess(day.server.stats.bytesRead, 1024 * 1024, name);
  }
});

Deno.test(
  "a client meets a server that answers with garbage",
  { timeout },
  async () => {
    const random = seededRandom(SEED);
    await using day = badDayServer(async (socket) => {
      await socket.write(garbage(random, 2_000));
    });
    for (const { codec } of Object.values(CASES)) {
      for (let i = 0; i < 5; i++) {
        await using socket = await connect({ port: day.port });
        report.connections++;
        report.badInputs++;
        const connection = framed(socket, codec);
        try {
          while (await connection.receive({ timeoutMs: 5_000 }) !== null);
        } catch (error) {
          assert(error instanceof SocketError, Deno.inspect(error));
          assert(error.code !== "timeout");
        }
      }
    }
    assertEquals(day.errors, []);
  },
);
