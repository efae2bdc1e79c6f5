import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  ByteQueue,
  ByteWriter,
  FrameTooLargeError,
  MalformedFrameError,
  UnexpectedEofError,
} from "@sluice/net";
import { checkCodec } from "@sluice/net/testing";
import type { Command } from "../../../examples/redis/command.ts";
import {
  encodeReply,
  Failure,
  piecesOf,
  Raw,
  type Reply,
  Several,
  Status,
} from "../../../examples/redis/reply.ts";
import { resp } from "../../../examples/redis/resp.ts";

const ALL_BYTES = String.fromCharCode(
  ...Array.from({ length: 256 }, (_, i) => i),
);

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Decodes text in pieces of `size` bytes. */
function decode(text: string, size: number, codec = resp()): Command[] {
  const decoder = codec.decoder();
  const queue = new ByteQueue();
  const commands: Command[] = [];
  const bytes = bytesOf(text);
  for (let at = 0; at < bytes.length; at += size) {
    queue.append(bytes.slice(at, at + size));
    for (let command; (command = decoder.decode(queue)) !== undefined;) {
      commands.push(command);
    }
  }
  decoder.finish?.(queue);
  return commands;
}

function encode(reply: Reply): string {
  const out = new ByteWriter();
  resp().encoder().encode(reply, out);
  return String.fromCharCode(...out.toBytes());
}

Deno.test("resp() keeps what every codec promises", { timeout: 60_000 }, () => {
  // A reply that is an array of strings looks exactly like a command.
  const codec = resp({ maxCommandBytes: 128 * 1024 });
  checkCodec(codec as typeof codec & ReturnType<typeof resp>, [
    ["PING"],
    ["SET", "key", ALL_BYTES],
    ["ECHO", ""],
    ["SET", "k".repeat(13), "\r\n".repeat(40)],
    ["SET", "large", "x".repeat(20_000)],
  ], {
    oversized: bytesOf("*2\r\n$3\r\nGET\r\n$131072\r\n"),
    maxBufferedBytes: 160 * 1024,
    makeFrame: (size) => ["ECHO", "x".repeat(size)],
  });
});

Deno.test("resp() reads commands typed by hand, among the others", () => {
  const text = "PING\r\n\r\n*1\r\n$4\r\nPING\r\n  get   key \n*0\r\nQUIT\n";
  for (const size of [1, 2, 7, 100]) {
    assertEquals(decode(text, size), [
      ["PING"],
      ["PING"],
      ["get", "key"],
      ["QUIT"],
    ], `in pieces of ${size}`);
  }
});

Deno.test("resp() survives ten thousand empty lines", () => {
  assertEquals(decode("\n".repeat(10_000) + "PING\n", 65_536), [["PING"]]);
  assertEquals(decode("*0\r\n".repeat(10_000) + "PING\n", 7), [["PING"]]);
});

Deno.test("resp() refuses what is no command", () => {
  for (
    const text of [
      "*1\r\n:5\r\n",
      "*1\r\n$4\r\nPINGxx",
      "*x\r\n",
      "*\r\n",
      "*-1\r\n",
      "*1\r\n$-1\r\n",
      "*11111111111\r\n",
      "*1\rx\n",
      "*1\n",
    ]
  ) {
    for (const size of [1, 100]) {
      const codec = resp();
      assertThrows(
        () => decode(text, size, codec),
        MalformedFrameError,
        "Protocol error: ",
        JSON.stringify(text),
      );
    }
  }
});

Deno.test("resp() refuses what is too large before it has come", () => {
  const codec = resp({ maxCommandBytes: 100 });
  for (
    const text of [
      "*1\r\n$101\r\n",
      "*3\r\n$60\r\n" + "x".repeat(60) + "\r\n$60\r\n",
      "x".repeat(101),
      "*1000000000\r\n" + "$1\r\nx\r\n".repeat(20),
    ]
  ) {
    for (const size of [1, 1000]) {
      assertThrows(() => decode(text, size, codec), FrameTooLargeError);
    }
  }
  // The limit is for each command, not for all of them.
  assertEquals(decode("*1\r\n$4\r\nPING\r\n".repeat(50), 9, codec).length, 50);
});

Deno.test("resp() says that a client left inside a command", () => {
  for (const text of ["*2\r\n$3\r\nGET\r\n", "PIN", "*1\r\n$20000\r\nabc"]) {
    for (const size of [1, 100]) {
      const error = assertThrows(() => decode(text, size), UnexpectedEofError);
      assertEquals(error.received, text.length);
    }
  }
});

Deno.test("resp() takes linear time for a command of many arguments", () => {
  function millis(count: number): number {
    const text = `*${count}\r\n` + "$1\r\nx\r\n".repeat(count);
    const start = performance.now();
    assertEquals(decode(text, 1_000)[0].length, count);
    return performance.now() - start;
  }
  millis(10_000); // Warm.
  const few = millis(10_000);
  // The least: what else the machine does only adds to it.
  const many = Math.min(...[1, 2, 3].map(() => millis(100_000)));
  // Ten times the arguments; a hundred times the time if each read began anew.
  assert(many < 50 * few + 50, `${few} ms, then ${many} ms`);
});

Deno.test("resp() writes every kind of reply", () => {
  assertEquals(encode(new Status("OK")), "+OK\r\n");
  assertEquals(encode(-7), ":-7\r\n");
  assertEquals(encode(null), "$-1\r\n");
  assertEquals(encode(""), "$0\r\n\r\n");
  assertEquals(encode(ALL_BYTES), `$256\r\n${ALL_BYTES}\r\n`);
  assertEquals(
    encode(["a", null, [1]]),
    "*3\r\n$1\r\na\r\n$-1\r\n*1\r\n:1\r\n",
  );
  assertEquals(encode(new Several([1, 2])), ":1\r\n:2\r\n");
});

Deno.test("resp() keeps an error on its line, whatever a client sent", () => {
  assertEquals(
    encode(new Failure("ERR unknown command 'x\r\n+OK'")),
    "-ERR unknown command 'x  +OK'\r\n",
  );
});

Deno.test("resp() keeps an error free of what steers a terminal", () => {
  assertEquals(
    encode(new Failure("ERR unknown command '\x1b[2J\x9b\xe2\x80\xae'")),
    "-ERR unknown command '?[2J????'\r\n",
  );
});

Deno.test("resp() refuses other protocols at their first line", () => {
  for (
    const text of [
      "POST / HTTP/1.1\r\n",
      "GET /x HTTP/1.1\r\n",
      "PRI * HTTP/2.0\r\n",
      "anything http/1.0\r\n",
      "Host: 127.0.0.1:6379\r\n",
      "Content-Type: text/plain\r\n",
      '{"a":1}\r\n',
      "\x16\x03\x01\x02\x00\n",
      "\x00\x01\x00\x50\n",
    ]
  ) {
    for (const size of [1, 1_000]) {
      assertThrows(
        () => decode(`${text}FLUSHALL\r\n`, size),
        MalformedFrameError,
        "Protocol error: ",
        JSON.stringify(text),
      );
    }
  }
  // As values they are fine.
  assertEquals(decode("*2\r\n$4\r\nECHO\r\n$5\r\nHost:\r\n", 3), [
    ["ECHO", "Host:"],
  ]);
});

Deno.test("resp() bounds a line that is typed as Redis does", () => {
  assertThrows(() => decode("x".repeat(70_000), 9_000), FrameTooLargeError);
});

Deno.test("resp() tells how much of a command it holds", () => {
  const parts: number[] = [];
  const codec = resp({ onPart: (bytes) => parts.push(bytes) });
  const header = "*2\r\n$4\r\nECHO\r\n";
  decode(`${header}$2\r\nab\r\nPING\r\n`, 7, codec);
  assertEquals(parts.at(-1), 0);
  assert(parts.some((bytes) => bytes >= header.length), parts.join());
});

Deno.test("piecesOf() cuts a reply into pieces that are the reply", () => {
  const replies: Reply[] = [
    "x".repeat(1_000),
    [],
    ["a", null, "y".repeat(333), [1, "z".repeat(100)]],
    new Several([["subscribe", "n".repeat(200), 1], 2]),
    new Status("OK"),
    new Raw(":1\r\n"),
    Array.from({ length: 100 }, (_, i) => String(i)),
  ];
  for (const reply of replies) {
    for (const size of [1, 10, 64, 10_000]) {
      const pieces = Array.from(
        piecesOf(reply, size),
        (piece) => piece.map(encode).join(""),
      );
      assertEquals(pieces.join(""), encode(reply));
      for (const piece of pieces) assert(piece.length <= size + 40);
    }
  }
  assertEquals(encodeReply(["a"]), bytesOf("*1\r\n$1\r\na\r\n"));
});
