import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  ByteQueue,
  ByteWriter,
  FrameTooLargeError,
  MalformedFrameError,
  UnexpectedEofError,
} from "@sluice/net";
import { checkCodec } from "@sluice/net/testing";
import {
  type Command,
  Failure,
  type Reply,
  resp,
  Several,
  Status,
} from "../../../examples/redis/resp.ts";

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
  const [few, many] = [millis(10_000), millis(100_000)];
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
