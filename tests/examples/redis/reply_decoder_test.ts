import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  ByteQueue,
  type Codec,
  FrameTooLargeError,
  MalformedFrameError,
  UnexpectedEofError,
} from "@sluice/net";
import { checkCodec } from "@sluice/net/testing";
import {
  Distinct,
  Double,
  Failure,
  NOTHING,
  Pairs,
  type Protocol,
  Push,
  type Reply,
  Status,
  Verbatim,
  writeReply,
} from "../../../examples/redis/reply.ts";
import {
  ReplyDecoder,
  type ReplyOptions,
} from "../../../examples/redis/reply_decoder.ts";

const ALL_BYTES = String.fromCharCode(
  ...Array.from({ length: 256 }, (_, i) => i),
);

const SAMPLES: Reply[] = [
  "",
  "text",
  ALL_BYTES,
  "x".repeat(100_000),
  0,
  -7,
  2 ** 53 - 1,
  new Status("OK"),
  new Status("QUEUED"),
  new Failure("ERR no"),
  [],
  ["a", null, [1, [new Failure("ERR in it")]]],
  NOTHING,
];

const THIRD: Reply[] = [
  true,
  false,
  2n ** 70n,
  new Double(1.5),
  new Double(-Infinity),
  new Double(3e-7),
  new Verbatim("txt", "some text"),
  new Pairs([["a", 1], ["b", [2, null]]]),
  new Pairs([]),
  new Distinct(["a", "b"]),
  new Push(["message", "channel", "text"]),
  new Push([]),
];

/** What a server says, as a codec that understands itself. */
function codec(protocol: Protocol, options: ReplyOptions = {}): Codec<Reply> {
  return {
    decoder: () => new ReplyDecoder({ encoding: "latin1", ...options }),
    encoder: () => ({
      encode: (reply, out) => writeReply(reply, protocol, out),
    }),
  };
}

/** Decodes text, a character for each byte, in pieces. */
function decode(
  text: string,
  { size = 7, ...options }: ReplyOptions & { size?: number } = {},
): Reply[] {
  const decoder = new ReplyDecoder({ encoding: "latin1", ...options });
  const queue = new ByteQueue();
  const replies: Reply[] = [];
  const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
  for (let at = 0; at < bytes.length; at += size) {
    queue.append(bytes.slice(at, at + size));
    for (let reply; (reply = decoder.decode(queue)) !== undefined;) {
      replies.push(reply);
    }
  }
  decoder.finish(queue);
  return replies;
}

for (const protocol of [2, 3] as const) {
  Deno.test(
    `respClient() keeps what every codec promises, in RESP ${protocol}`,
    {
      timeout: 60_000,
    },
    () => {
      const samples = protocol === 2 ? SAMPLES : [...SAMPLES, ...THIRD];
      checkCodec(codec(protocol, { maxReplyBytes: 200_000 }), samples, {
        oversized: new TextEncoder().encode("*2\r\n$3\r\nGET\r\n$200001\r\n"),
        maxBufferedBytes: 300 * 1024,
        makeFrame: (size) => "x".repeat(size),
      });
    },
  );
}

Deno.test("respClient() reads what else RESP 3 has", () => {
  const cases: [text: string, reply: Reply][] = [
    ["_\r\n", NOTHING],
    ["*-1\r\n", NOTHING],
    ["$-1\r\n", NOTHING],
    ["*2\r\n*-1\r\n_\r\n", [null, null]],
    [":+5\r\n", 5],
    [":9223372036854775807\r\n", 2n ** 63n - 1n],
    [",inf\r\n", new Double(Infinity)],
    [",nan\r\n", new Double(NaN)],
    [",10\r\n", new Double(10)],
    [",-1.5E+2\r\n", new Double(-150)],
    ["!9\r\nERR a\r\nbc\r\n", new Failure("ERR a\r\nbc")],
    // About a reply, about a part of one, and about nothing at all.
    ["|1\r\n+ttl\r\n:3\r\n$1\r\na\r\n", "a"],
    ["*2\r\n|1\r\n+ttl\r\n*1\r\n:3\r\n$1\r\na\r\n:2\r\n", ["a", 2]],
    ["|0\r\n:1\r\n", 1],
  ];
  for (const [text, reply] of cases) {
    for (const size of [1, 3, 1_000]) {
      assertEquals(decode(text, { size }), [reply], JSON.stringify(text));
    }
  }
});

Deno.test("respClient() reads text as UTF-8, unless it is asked for bytes", () => {
  const wire = "$6\r\ngr\xc3\xbc\xc3\x9f\r\n+\xc3\xbc\r\n$1\r\n\xff\r\n";
  assertEquals(decode(wire, { encoding: "utf8", size: 1 }), [
    "grüß",
    new Status("ü"),
    "\ufffd",
  ]);
  assertEquals(decode(wire)[0], "gr\xc3\xbc\xc3\x9f");
});

Deno.test("respClient() refuses what is no reply", () => {
  for (
    const text of [
      "HTTP/1.1 400 Bad Request\r\n",
      "\r\n",
      "\x16\x03\x01\x02\x00",
      "\0",
      "$\r\n",
      "$a\r\n",
      "$1a\r\n",
      "$-2\r\n",
      "%-1\r\n",
      "~-1\r\n",
      "=-1\r\n",
      "$1\n",
      "$1\rx",
      "$1\r\naXY",
      "$1234567890123456\r\n",
      "*1\r\n>1\r\n:1\r\n",
      ":\r\n",
      ":1.5\r\n",
      ":12345678901234567890\r\n",
      ":1\n",
      "#x\r\n",
      "_x\r\n",
      ",\r\n",
      ",1.2.3\r\n",
      ",0x10\r\n",
      "(1.5\r\n",
      "=2\r\nab\r\n",
      "+OK\n",
      "*1\r\n\r\n",
      "$?\r\n",
      "*?\r\n",
    ]
  ) {
    for (const size of [1, 1_000]) {
      assertThrows(
        () => decode(text, { size }),
        MalformedFrameError,
        "Protocol error: ",
        JSON.stringify(text),
      );
    }
  }
});

Deno.test("respClient() refuses what is too large, too deep or too many before it has come", () => {
  for (const size of [1, 1_000]) {
    for (
      const text of [
        "$1001\r\n",
        "*2\r\n$600\r\n" + "x".repeat(600) + "\r\n$600\r\n",
        `|1\r\n+a\r\n+${"x".repeat(300)}\r\n`.repeat(4),
        "x".repeat(0) + "+" + "x".repeat(70_000),
        ":" + "1".repeat(2_000),
        "(" + "1".repeat(2_000),
      ]
    ) {
      assertThrows(
        () => decode(text, { size, maxReplyBytes: 1_000 }),
        FrameTooLargeError,
        undefined,
        text.slice(0, 20),
      );
    }
    for (
      const text of [
        "*1\r\n".repeat(100_000),
        "*1000000000\r\n",
        "%1000000000\r\n",
        "*600\r\n" + "*0\r\n".repeat(599) + "*600\r\n",
        "|1000000000\r\n",
      ]
    ) {
      assertThrows(
        () => decode(text, { size, maxItems: 1_000 }),
        MalformedFrameError,
        undefined,
        text.slice(0, 20),
      );
    }
  }
  assertThrows(
    () => decode("*1\r\n".repeat(100) + ":1\r\n"),
    MalformedFrameError,
    "arrays may be nested at most 32 deep",
  );
  assertEquals(decode("*1\r\n".repeat(32) + ":1\r\n").length, 1);
  // The limits are for each reply, not for all of them.
  assertEquals(
    decode("*2\r\n:1\r\n:2\r\n".repeat(600), {
      maxItems: 1_000,
      maxReplyBytes: 1_000,
    }).length,
    600,
  );
});

Deno.test("respClient() says that a server ended inside a reply", () => {
  for (const text of ["$5\r\nab", "*2\r\n:1\r\n", "+O", "$", "%1\r\n+a\r\n"]) {
    const error = assertThrows(() => decode(text), UnexpectedEofError);
    assertEquals(error.received, text.length);
  }
});

Deno.test("respClient() takes linear time for a reply that comes in drips", () => {
  function millis(count: number): number {
    const text = `*${count}\r\n` + "$3\r\nabc\r\n".repeat(count) +
      `+${"x".repeat(count / 10)}\r\n`;
    const start = performance.now();
    assertEquals(decode(text, { size: 1 }).length, 2);
    return performance.now() - start;
  }
  millis(5_000); // Warm.
  const few = millis(5_000);
  // The least: what else the machine does only adds to it.
  const many = Math.min(...[1, 2, 3].map(() => millis(50_000)));
  assert(many < 50 * few + 50, `${few} ms, then ${many} ms`);
});
