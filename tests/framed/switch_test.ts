import {
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import type { Codec } from "../../lib/codec/codec.ts";
import { fixed } from "../../lib/codec/fixed.ts";
import { type FramePartOut, inParts } from "../../lib/codec/in_parts.ts";
import { json } from "../../lib/codec/json.ts";
import { lengthPrefixed } from "../../lib/codec/length_prefixed.ts";
import { lines } from "../../lib/codec/lines.ts";
import { mapped } from "../../lib/codec/mapped.ts";
import { packets } from "../../lib/codec/packets.ts";
import { u8 } from "../../lib/codec/number_fields.ts";
import { struct } from "../../lib/codec/struct.ts";
import { text } from "../../lib/codec/text.ts";
import {
  BusyError,
  ClosedError,
  CodecError,
  FrameTooLargeError,
  TimeoutError,
} from "../../lib/errors.ts";
import { type Framed, framed } from "../../lib/framed/framed.ts";
import {
  bytes,
  outcome,
  spiedPair,
  testOverMemoryAndTcp,
  textOf,
  turn,
  underEverySplit,
} from "../_support/sockets.ts";
import { fakeClock } from "@sluice/net/testing";
import { keeping } from "./_codecs.ts";

/** A type that must be this one, exactly. */
function typed<Expected>(
  _value: Expected,
): <Actual extends Expected>(
  _same: (<T>() => T extends Actual ? 1 : 2) extends
    (<T>() => T extends Expected ? 1 : 2) ? Actual : never,
) => void {
  return () => {};
}

/** SMTP with CHUNKING: a command says the size of the message behind it. */
async function acceptMail(commands: Framed<string>): Promise<string[]> {
  const seen: string[] = [];
  for await (const command of commands) {
    const [verb, size] = command.split(" ");
    seen.push(command);
    if (verb === "BDAT") {
      const body = commands.switch(fixed({ frameBytes: Number(size) }));
      seen.push(`${textOf(await body.receive())}`);
      // The loop goes on with lines.
      body.switch(lines({ newline: "\r\n" }));
    }
    await commands.send(`250 ${verb}`);
    if (verb === "QUIT") break;
  }
  return seen;
}

Deno.test("switch() loses no byte: SMTP with BDAT, pipelined", async () => {
  await underEverySplit(async ({ left, right }) => {
    const crlf = lines({ newline: "\r\n" });
    const mail = acceptMail(framed(left, crlf));
    const client = framed(right, crlf);
    client.send("EHLO");
    for (const message of ["a\r\nb\r\nQUIT", "\n"]) {
      const data = new TextEncoder().encode(message);
      client.send(`BDAT ${data.length}`);
      client.switch(fixed({ frameBytes: data.length })).send(data);
      client.switch(crlf);
    }
    await client.send("QUIT");
    const answers: unknown[] = [];
    for (let i = 0; i < 4; i++) answers.push(await client.receive());
    assertEquals(answers, ["250 EHLO", "250 BDAT", "250 BDAT", "250 QUIT"]);
    assertEquals(await mail, [
      "EHLO",
      "BDAT 10",
      "a\r\nb\r\nQUIT",
      "BDAT 1",
      "\n",
      "QUIT",
    ]);
  });
});

testOverMemoryAndTcp(
  "switch() follows an upgrade of HTTP, both ways, with types",
  async (makePair) => {
    using pair = await makePair();
    const { left, right } = pair;
    // The first frames of the new protocol come with the request.
    await right.write("GET / HTTP/1.1\r\nUpgrade: frames\r\n\r\n\0\x02hi");
    const head = framed(left, lines({ newline: "\r\n" }));
    while (await head.receive() !== "");
    await head.send("HTTP/1.1 101 Switching Protocols");
    await head.send("");
    const frames = head.switch(lengthPrefixed({ lengthBytes: 2 }));
    typed<Framed<Uint8Array<ArrayBuffer>, Uint8Array>>(frames)(frames);
    assertEquals(textOf(await frames.receive()), "hi");
    const documents = frames.switch(
      json<number, string>(lengthPrefixed({ lengthBytes: 2 })),
    );
    typed<Framed<number, string>>(documents)(documents);
    await documents.send("yes");
    assertEquals(await right.readLine(), "HTTP/1.1 101 Switching Protocols");
    assertEquals(await right.readLine(), "");
    assertEquals(textOf(await right.readExactly(7)), '\0\x05"yes"');
  },
);

Deno.test("switch() while a receive, a loop, a stream or a sendAll is under way is a BusyError, and changes nothing", async () => {
  for (const how of ["receive", "for await", "batches", "readable"] as const) {
    using pair = spiedPair();
    const connection = framed(pair.left, lines());
    const next = {
      "receive": () => connection.receive(),
      "for await": () =>
        connection[Symbol.asyncIterator]().next().then(({ value }) => value),
      "batches": () =>
        connection.batches()[Symbol.asyncIterator]().next()
          .then(({ value }) => value[0]),
      "readable": () =>
        connection.readable.getReader().read().then(({ value }) => value),
    }[how]();
    await turn();
    assertThrows(
      () => connection.switch(lengthPrefixed()),
      BusyError,
      "under way",
    );
    await pair.right.write("line\n");
    assertEquals(await next, "line", how);
  }
  using pair = spiedPair({ left: { highWaterMarkBytes: 10 } });
  const connection = framed(pair.left, lines());
  pair.spy.hold();
  const sending = connection.sendAll(Array(10).fill("0123456789"));
  await turn();
  assertThrows(
    () => connection.switch(lengthPrefixed()),
    BusyError,
    "sendAll is under way",
  );
  pair.spy.release();
  await sending;
  connection.switch(lengthPrefixed());
});

Deno.test("switch() inside a frame is a BusyError: of a decoder that keeps bytes, and of a getter", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  const connection = framed(left, keeping);
  await right.write("one\ntw");
  assertEquals(await connection.receive(), "one");
  assertThrows(
    () => connection.switch(lines()),
    BusyError,
    "a part of a frame was received",
  );
  await right.write("o\n");
  assertEquals(await connection.receive(), "two");
  const documents = connection.switch(json<unknown, unknown>());
  let error: unknown;
  await documents.send({
    get a() {
      try {
        documents.switch(lines());
      } catch (thrown) {
        error = thrown;
      }
      return 1;
    },
  });
  assertInstanceOf(error, BusyError);
  assertEquals(await right.readLine(), '{"a":1}');
});

Deno.test("switch() in loops and streams: they go on with the frames of the new codec", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  const connection: Framed<string> = framed(left, lines());
  await right.write("up\n[1]\n[2]\n");
  const seen: unknown[] = [];
  for await (const frame of connection) {
    seen.push(frame);
    if (frame === "up") connection.switch(json());
    if (seen.length === 2) break;
  }
  const reader = (connection.readable as ReadableStream<unknown>).getReader();
  seen.push((await reader.read()).value);
  connection.switch(lines());
  await right.write("[3]\n");
  seen.push((await reader.read()).value);
  assertEquals(seen, ["up", [1], [2], "[3]"]);
  const writer = connection.writable.getWriter();
  await writer.write("out");
  connection.switch(lengthPrefixed({ lengthBytes: 1 }));
  await writer.write(Uint8Array.of(7) as never);
  assertEquals(await right.readLine(), "out");
  assertEquals(await right.readExactly(2), Uint8Array.of(1, 7));
});

Deno.test("switch() between batches is for what the next read brings; what was in the batch is its own", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  const connection: Framed<string> = framed(left, lines());
  await right.write("one\nup\n");
  const seen: unknown[] = [];
  for await (const batch of connection.batches()) {
    seen.push(batch);
    if (batch.at(-1) !== "up") break;
    connection.switch(json());
    // The peer has waited for this.
    await connection.send("go" as never);
    await right.write("[1]\n[2]\n");
  }
  assertEquals(seen, [["one", "up"], [[1], [2]]]);
});

Deno.test("switch() throws what the bytes behind a batch were to the old codec, and then what ended the frames", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  const connection = framed(left, lines({ maxLineBytes: 4 }));
  await right.write("up\n0123456789");
  for await (const batch of connection.batches()) {
    assertEquals(batch, ["up"]);
    break;
  }
  for (let i = 0; i < 2; i++) {
    assertThrows(() => connection.switch(lengthPrefixed()), FrameTooLargeError);
  }
  // The bytes are still there for their owner.
  const { socket } = connection.detach();
  assertEquals(textOf(await socket.readExactly(10)), "0123456789");
});

Deno.test("switch() sends what ends the frames of the old codec, and that of the new one at the end", async () => {
  const marked = (mark: string): Codec<string> => ({
    decoder: () => lines().decoder(),
    encoder() {
      const inner = lines().encoder();
      return {
        encode: (line, out) => inner.encode(line, out),
        finish: (out) => void out.writeText(mark),
      };
    },
  });
  using pair = spiedPair();
  const { left, right } = pair;
  const connection = framed(left, marked("<1>"));
  await connection.send("a");
  connection.switch(marked("<2>"));
  await connection.send("b");
  connection.switch(lines());
  await connection.send("c");
  connection.switch(marked("<3>"));
  await connection.closeWrite();
  assertEquals(
    textOf(await right.readExactly(15)),
    "a\n<1>b\n<2>c\n<3>",
  );
  assertEquals(await right.read(), null);
});

Deno.test("switch() keeps an encoder that the new codec returns again", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  let count = 0;
  const encoder = {
    encode: (line: string, out: { writeText(text: string): number }) =>
      void out.writeText(`${++count} ${line}\n`),
    finish: (out: { writeText(text: string): number }) =>
      void out.writeText("end\n"),
  };
  const numbered = { decoder: () => lines().decoder(), encoder: () => encoder };
  const connection = framed(left, numbered);
  await connection.send("a");
  await right.write("x\n7\n");
  assertEquals(await connection.receive(), "x");
  const documents = connection.switch({
    decoder: () => json<number>().decoder(),
    encoder: () => encoder,
  });
  assertEquals(await documents.receive(), 7);
  await documents.send("b");
  await documents.close({ timeoutMs: 1 });
  const sent = await Array.fromAsync(right, textOf);
  assertEquals(sent.join(""), "1 a\n2 b\nend\n");
});

Deno.test("switch() where finish() fails throws a CodecError, and nothing more is sent", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  const connection = framed(left, {
    decoder: () => lines().decoder(),
    encoder: () => ({
      encode: (line: string, out) => lines().encoder().encode(line, out),
      finish() {
        throw new Error("no trailer");
      },
    }),
  });
  connection.send("sent");
  const error = assertThrows(
    () => connection.switch(lines()),
    CodecError,
    "no trailer",
  );
  // What was sent before leaves.
  assertEquals(await right.readLine(), "sent");
  assertStrictEquals(await outcome(connection.closeWrite()), error);
  assertStrictEquals(await outcome(connection.send("x")), error);
  // The old codec still receives.
  await right.write("line\n");
  assertEquals(await connection.receive(), "line");
});

Deno.test("switch() after closeWrite() changes what is received", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  const connection = framed(left, lines());
  await connection.closeWrite();
  await right.write("200 OK\n\x03abc");
  assertEquals(await connection.receive(), "200 OK");
  const body = connection.switch(lengthPrefixed({ lengthBytes: 1 }));
  assertEquals(textOf(await body.receive()), "abc");
  await assertRejects(() => body.send(Uint8Array.of(1)), ClosedError);
  await right.close();
  assertEquals(await body.receive(), null);
});

Deno.test("switch() is refused after detach(), after the end of the socket and for what is no codec", () => {
  using pair = spiedPair();
  const connection = framed(pair.left, lines());
  for (
    const wrong of [
      {},
      { decoder: () => ({}), encoder: () => ({ encode() {} }) },
      { decoder: () => lines().decoder(), encoder: () => ({}) },
    ]
  ) {
    assertThrows(() => connection.switch(wrong as never), TypeError, "must be");
  }
  connection.detach();
  assertThrows(() => connection.switch(lines()), ClosedError, "detached");
  const other = framed(pair.right, lines());
  pair.right.abort();
  assertThrows(() => other.switch(lines()), ClosedError);
});

Deno.test("switch() starts the limit of a frame anew", async () => {
  using clock = fakeClock();
  using pair = spiedPair();
  const { left, right } = pair;
  const connection = framed(left, lines(), { frameTimeoutMs: 1_000 });
  await right.write("up\nab");
  assertEquals(await connection.receive(), "up");
  const cut = outcome(connection.receive({ timeoutMs: 900 }));
  await clock.advance(900);
  assertInstanceOf(await cut, TimeoutError);
  const frames = connection.switch(fixed({ frameBytes: 4 }));
  const next = frames.receive();
  await clock.advance(900);
  await right.write("cd");
  assertEquals(textOf(await next), "abcd");
  await right.write("e");
  const late = outcome(frames.receive());
  await clock.advance(2_000);
  assertInstanceOf(await late, TimeoutError);
});

Deno.test("switch() ends a heartbeat, and another one can be started for the new frames", async () => {
  using clock = fakeClock();
  using pair = spiedPair();
  const { left, right } = pair;
  const connection = framed(left, lines(), {
    heartbeat: { ping: () => "PING", intervalMs: 1_000 },
  });
  // Its ping could be encoded, but is none to the new protocol.
  const words = connection.switch(lines({ newline: "\r\n" }));
  const next = words.receive();
  await clock.advance(60_000);
  await right.write("word\r\n");
  assertEquals(await next, "word");
  assertEquals(left.stats.bytesWritten, 0);
});

Deno.test("switch() inside a frame that is sent in parts is a BusyError, and changes nothing", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  const parts = inParts(lengthPrefixed({ lengthBytes: 1 }));
  const shaped = mapped(
    parts,
    (frame) => frame,
    (frame: FramePartOut) => frame,
  );
  const connection = framed(left, shaped);
  await connection.send({ head: { size: 3 } });
  await connection.send({ part: bytes(2) });
  assertThrows(
    () => connection.switch(lines()),
    BusyError,
    "a part of a frame was sent",
  );
  await connection.send({ part: bytes(1) });
  await connection.send({ end: true });
  await connection.switch(lines()).send("bye");
  assertEquals((await right.readExactly(4))[0], 3);
  assertEquals(await right.readLine(), "bye");
});

Deno.test("switch() inside a frame is a BusyError where its codec shapes the one that is sent in parts", () => {
  const frame = lengthPrefixed();
  const begun: Codec<Uint8Array> = {
    decoder: () => frame.decoder(),
    encoder: () => ({ encode() {}, midFrame: true }),
  };
  const shaped = [
    text(begun),
    json(begun),
    json(text(begun)),
    packets(struct({ x: u8 }), begun),
    mapped(begun, (frame) => frame, (frame: Uint8Array) => frame),
  ] as Codec<unknown>[];
  for (const codec of shaped) {
    using pair = spiedPair();
    const connection = framed(pair.left, codec);
    assertThrows(() => connection.switch(lines()), BusyError, "was sent");
  }
});
