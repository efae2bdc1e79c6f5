import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import type { ByteWriter } from "../../lib/bytes/byte_writer.ts";
import type { Codec, Encoder } from "../../lib/codec/codec.ts";
import {
  json,
  lengthPrefixed,
  lines,
  mapped,
  packets,
  struct,
  text,
  u8,
} from "../../lib/codec/mod.ts";
import {
  BusyError,
  ClosedError,
  CodecError,
  MalformedFrameError,
} from "../../lib/errors.ts";
import { type Framed, framed } from "../../lib/framed/framed.ts";
import type { Socket } from "../../lib/socket/socket.ts";
import { connect, serve } from "@sluice/net";
import {
  bytes,
  outcome,
  spiedPair,
  testOverMemoryAndTcp,
  textOf,
  TIMEOUT,
} from "../_support/sockets.ts";

/** Lines, and how many there were behind the last one. */
function counted(
  finish?: (out: ByteWriter, count: number) => void,
): Codec<string> & { finished: number } {
  const codec = {
    finished: 0,
    decoder: () => lines().decoder(),
    encoder(): Encoder<string> {
      const inner = lines().encoder();
      let count = 0;
      return {
        encode(line, out) {
          count++;
          inner.encode(line, out);
        },
        finish(out) {
          codec.finished++;
          if (finish !== undefined) return finish(out, count);
          out.writeText(`${count} lines\n`);
        },
      };
    },
  };
  return codec;
}

const toText = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const toBytes = (text: string) => new TextEncoder().encode(text);

async function restOf(socket: Socket): Promise<string> {
  let text = "";
  for await (const chunk of socket) text += textOf(chunk);
  return text;
}

/** Every way to end in good order. */
const ENDINGS: Record<
  string,
  (connection: Framed<string>, socket: Socket) => Promise<void>
> = {
  "closeWrite()": (connection) => connection.closeWrite(),
  "close()": (connection) => connection.close(),
  "closeWrite() with a limit": (connection) =>
    connection.closeWrite({ timeoutMs: 5_000 }),
  "await using": (connection) => connection[Symbol.asyncDispose](),
  "closeWrite() of the socket": (_, socket) => socket.closeWrite(),
  "close() of the socket": (_, socket) => socket.close(),
  "writable": (connection) => connection.writable.close(),
  "writable of the socket": (_, socket) => socket.writable.close(),
};

for (const [how, end] of Object.entries(ENDINGS)) {
  testOverMemoryAndTcp(
    `finish() of an encoder is asked once, before the end, by ${how}`,
    async (makePair) => {
      using pair = await makePair();
      const { left, right } = pair;
      const codec = counted();
      const connection = framed(left, codec);
      await connection.send("one");
      connection.send("two");
      const ended = end(connection, left);
      assertEquals(await restOf(right), "one\ntwo\n2 lines\n");
      await right.close();
      await ended;
      await connection.close();
      await left.closeWrite();
      assertEquals(codec.finished, 1);
    },
  );
}

Deno.test("finish() is asked where nothing was sent, and where the peer has ended its side", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  const codec = counted();
  const connection = framed(left, codec);
  await right.closeWrite();
  assertEquals(await connection.receive(), null);
  const closing = connection.close();
  assertEquals(await restOf(right), "0 lines\n");
  await closing;
  assertEquals(codec.finished, 1);
});

Deno.test(
  "finish() is asked where a server closes what its handler left open",
  TIMEOUT,
  async () => {
    await using server = serve({ port: 0 }, async (socket) => {
      await framed(socket, counted()).send("hello");
    });
    await using socket = await connect({ port: server.addr.port });
    assertEquals(await restOf(socket), "hello\n1 lines\n");
  },
);

Deno.test("finish() is not asked by abort(), by detach() and after a failed write", async () => {
  for (const how of ["abort", "detach", "failed"] as const) {
    using pair = spiedPair();
    const { left, right, spy } = pair;
    const codec = counted();
    const connection = framed(left, codec);
    if (how === "failed") {
      spy.writeError = new Deno.errors.BrokenPipe("broken pipe");
      await outcome(connection.send("lost"));
      await outcome(connection.flush());
    } else {
      await connection.send("sent");
      await connection.flush();
    }
    if (how === "detach") connection.detach();
    if (how === "abort") left.abort();
    await outcome(left.closeWrite());
    if (how === "detach") assertEquals(await restOf(right), "sent\n");
    await outcome(connection.close());
    assertEquals(codec.finished, 0, how);
  }
});

Deno.test("finish() that throws ends in one CodecError, and in no trailer", async () => {
  const cause = new RangeError("no room");
  for (const close of [false, true]) {
    using pair = spiedPair();
    const { left, right, spy } = pair;
    const connection = framed(
      left,
      counted((out) => {
        out.writeText("half of");
        throw cause;
      }),
    );
    await connection.send("one");
    const error = await assertRejects(
      () => close ? connection.close() : connection.closeWrite(),
      CodecError,
      "finish of the encoder failed: no room",
    );
    assertStrictEquals(error.cause, cause);
    // The peer has all that was sent, and must not take this for the whole.
    assertEquals(await right.readLine(), "one");
    if (!close) {
      assertEquals(spy.closedWrite, 0);
      await assertRejects(() => connection.send("two"), CodecError);
      assertStrictEquals(await outcome(connection.flush()), error);
      assertStrictEquals(await outcome(connection.closeWrite()), error);
    }
    left.abort();
    assert(!(await outcome(restOf(right)) as string).includes("half"));
  }
});

Deno.test("finish() may throw an error of our own, which is passed on", async () => {
  using pair = spiedPair();
  const own = new MalformedFrameError("Cannot end: a frame is not whole");
  const connection = framed(
    pair.left,
    counted(() => {
      throw own;
    }),
  );
  assertStrictEquals(await outcome(connection.closeWrite()), own);
});

Deno.test("finish() that is asynchronous, or takes back what was written, is refused", async () => {
  const wrong: Record<string, (out: ByteWriter) => void> = {
    "got a promise": (out) =>
      Promise.resolve().then(() => out.writeByte(1)) as unknown as void,
    "got a message that is shorter": (out) => out.truncate(0),
    "is not a function": 5 as unknown as () => void,
  };
  for (const [text, finish] of Object.entries(wrong)) {
    using pair = spiedPair();
    const codec = counted(finish);
    if (typeof finish !== "function") {
      codec.encoder = () => ({ encode() {}, finish });
    }
    const connection = framed(pair.left, codec);
    // Still in the message when finish is asked.
    connection.send("one");
    await assertRejects(() => connection.close(), CodecError, text);
  }
});

Deno.test("finish() cannot send, and what it does about the socket does not tear it", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  let inner: unknown;
  const connection: Framed<string> = framed(
    left,
    counted((out, count) => {
      out.writeText("a");
      inner = outcome(connection.send("never"));
      left.flush();
      left.closeWrite();
      out.writeText(`b${count}\n`);
    }),
  );
  await connection.send("one");
  await connection.closeWrite();
  assertEquals(await restOf(right), "one\nab1\n");
  assertInstanceOf(await inner, ClosedError);
});

Deno.test("finish() comes behind a frame whose getter ends the stream, without that frame", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  const codec: Codec<unknown, { value: unknown }> = {
    decoder: () => lines().decoder(),
    encoder: () => ({
      encode(frame, out) {
        out.writeText("part");
        out.writeText(String(frame.value));
      },
      finish: (out) => void out.writeText("end"),
    }),
  };
  const connection = framed(left, codec);
  await connection.send({ value: "1" });
  const ended: Promise<void>[] = [];
  const sent = outcome(connection.send({
    get value() {
      ended.push(connection.closeWrite());
      return "2";
    },
  }));
  assertInstanceOf(await sent, ClosedError);
  await Promise.all(ended);
  assertEquals(await restOf(right), "part1end");
});

Deno.test("finish() of two framings of a socket is refused, whichever comes second", async () => {
  using pair = spiedPair();
  const refusal = (action: string) =>
    `Cannot ${action}: another framing of the socket ends it with the finish of its own encoder (detach that one first)`;
  const first = framed(pair.left, counted());
  assertThrows(
    () => framed(pair.left, counted()),
    BusyError,
    refusal("frame a socket"),
  );
  // One without a finish is welcome, and neither adds nor takes away that of the other.
  const plain = framed(pair.left, lines());
  assertThrows(
    () => plain.switch(counted()),
    BusyError,
    refusal("switch codecs"),
  );
  await first.send("a");
  await plain.send("b");
  plain.switch(lines({ newline: "\r\n" }));
  await plain.send("c");
  plain.detach();
  // Its own is no obstacle: it is sent, and the next one counts anew.
  first.switch(counted());
  await first.send("d");
  first.detach();
  const third = framed(pair.left, counted());
  await third.send("e");
  await third.closeWrite();
  // This side has ended, so what comes now ends nothing.
  framed(pair.left, counted());
  assertEquals(
    await restOf(pair.right),
    "a\nb\nc\r\n1 lines\nd\ne\n1 lines\n",
  );
});

Deno.test("finish() is no longer asked by a framing that went on without one", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  const first = framed(left, counted());
  first.switch(lines());
  const second = framed(left, counted());
  first.switch(lines({ newline: "\r\n" }));
  await first.send("a");
  await second.send("b");
  await second.closeWrite();
  assertEquals(await restOf(right), "0 lines\na\r\nb\n1 lines\n");
});

Deno.test("finish() of a framing is in no other's way once the socket has ended", () => {
  const { left } = spiedPair();
  framed(left, counted());
  left.abort();
  framed(left, counted());
});

Deno.test("finish() cannot detach its framing, which would keep the next one's place", async () => {
  using pair = spiedPair();
  let inner: unknown;
  const first: Framed<string> = framed(
    pair.left,
    counted((out) => {
      inner = assertThrows(() => first.detach(), BusyError);
      out.writeText("end\n");
    }),
  );
  first.switch(counted());
  assertInstanceOf(inner, BusyError);
  first.detach();
  await framed(pair.left, counted()).closeWrite();
  assertEquals(await restOf(pair.right), "end\n0 lines\n");
});

Deno.test("a large trailer is sent whole", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  const connection = framed(
    left,
    counted((out) => out.write(bytes(300_000))),
  );
  const ended = connection.closeWrite();
  assertEquals((await right.readExactly(300_000)).length, 300_000);
  assertEquals(await right.read(), null);
  await ended;
});

Deno.test("codecs that shape the frames of another one pass finish() on, and have none without", async () => {
  const frame = lengthPrefixed({ lengthBytes: 1 });
  const ended: Codec<Uint8Array> = {
    decoder: () => frame.decoder(),
    encoder: () => ({
      encode: (bytes, out) => frame.encoder().encode(bytes, out),
      finish: (out) => void out.writeText("end"),
    }),
  };
  const point = struct({ x: u8 });
  const shaped = [
    [mapped(ended, toText, toBytes), "x", "\x01xend"],
    [text(ended), "x", "\x01xend"],
    [text(ended, { encoding: "latin1" }), "x", "\x01xend"],
    [json(ended), "x", '\x03"x"end'],
    [json({ ...counted(), frameType: "text" }), 5, "5\n1 lines\n"],
    [packets(point, ended), { x: 65 }, "\x01Aend"],
  ] as unknown as [Codec<unknown>, unknown, string][];
  for (const [codec, frame, wire] of shaped) {
    using pair = spiedPair();
    const connection = framed(pair.left, codec);
    await connection.send(frame);
    await connection.closeWrite();
    assertEquals(await restOf(pair.right), wire);
  }
  for (const codec of [json(), text(frame), packets(point, frame)]) {
    assertEquals(codec.encoder().finish, undefined);
  }
});
