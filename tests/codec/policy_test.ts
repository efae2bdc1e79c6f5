import { assertEquals } from "@std/assert";
import { ByteQueue } from "../../lib/bytes/byte_queue.ts";
import {
  type Codec,
  contentLength,
  delimited,
  fixed,
  json,
  lengthPrefixed,
  lines,
  mapped,
  netstring,
  packets,
  struct,
  text,
  u8,
  varintPrefixed,
} from "../../lib/codec/mod.ts";
import { decodeAll, utf8 } from "./_support.ts";

/** A frame that is too large, and one that is not, on the wire. */
const STREAMS: [
  make: (options: Options) => Codec<unknown, never>,
  large: string,
  small: string,
][] = [
  [
    (o) => lengthPrefixed({ lengthBytes: 1, maxFrameBytes: 2, ...o }),
    "\x03" + "333",
    "\x01" + "1",
  ],
  [
    (o) => varintPrefixed({ maxFrameBytes: 2, ...o }),
    "\x03" + "333",
    "\x01" + "1",
  ],
  [(o) => netstring({ maxFrameBytes: 2, ...o }), "3:333,", "1:1,"],
  [
    (o) => contentLength({ maxFrameBytes: 2, ...o }),
    "Content-Length: 3\r\n\r\n333",
    "Content-Length: 1\r\n\r\n1",
  ],
  [
    (o) => delimited({ delimiter: "--", maxFrameBytes: 2, ...o }),
    "333--",
    "1--",
  ],
  [(o) => lines({ maxLineBytes: 2, ...o }), "333\n", "1\n"],
  [
    (o) => lines({ newline: "\r\n", maxLineBytes: 2, ...o }),
    "333\r\n",
    "1\r\n",
  ],
  [(o) => text(netstring({ maxFrameBytes: 2, ...o })), "3:333,", "1:1,"],
  [(o) => json(lines({ maxLineBytes: 2, ...o })), "333\n", "1\n"],
  [
    (o) => mapped(lines({ maxLineBytes: 2, ...o }), Number, String),
    "333\n",
    "1\n",
  ],
  [
    (o) => packets(struct({ a: u8 }), netstring({ maxFrameBytes: 2, ...o })),
    "3:333,",
    "1:1,",
  ],
];

interface Options {
  oversize: "skip";
  onOversize?: () => unknown;
}

Deno.test("a hook that throws or rejects never breaks a stream, nor ends the process", async () => {
  const failure = new Error("the hook's own");
  const hooks = [
    () => {
      throw failure;
    },
    () => Promise.reject(failure),
    // deno-lint-ignore require-await
    async () => {
      throw failure;
    },
  ];
  const printed: unknown[] = [];
  const original = console.error;
  console.error = (...args: unknown[]) => printed.push(args[1]);
  try {
    for (const [make, large, small] of STREAMS) {
      for (const onOversize of hooks) {
        const codec = make({ oversize: "skip", onOversize });
        const { frames, errors } = decodeAll(codec, large + small);
        assertEquals([frames.length, errors], [1, []]);
      }
    }
    for (let i = 0; i < 10; i++) await Promise.resolve();
  } finally {
    console.error = original;
  }
  assertEquals(printed.length, STREAMS.length * hooks.length);
  assertEquals(new Set(printed), new Set([failure]));
});

Deno.test("a hook may ask the decoder for more, and is called once for each frame", () => {
  for (const [make, large, small] of STREAMS) {
    const queue = new ByteQueue();
    queue.append(utf8(large + small + large + small));
    let reports = 0;
    let frames = 0;
    const ask = () => {
      while (decoder.decode(queue) !== undefined) frames++;
    };
    const decoder = make({
      oversize: "skip",
      onOversize: () => {
        reports++;
        ask();
      },
    }).decoder();
    ask();
    assertEquals([reports, frames, queue.length], [2, 2, 0], large);
  }
});

Deno.test("a decoder says when it is inside a frame of which it has taken a part", () => {
  for (const [make, large, small] of STREAMS) {
    const decoder = make({ oversize: "skip" }).decoder();
    const queue = new ByteQueue();
    const inside: (boolean | undefined)[] = [];
    let frames = 0;
    for (const byte of utf8(large + small)) {
      queue.append(Uint8Array.of(byte));
      if (decoder.decode(queue) !== undefined) frames++;
      inside.push(decoder.midFrame);
    }
    assertEquals([frames, queue.length], [1, 0], large);
    // From where it was refused up to its last byte, and not after that.
    const first = inside.indexOf(true);
    const expected = Array.from(
      large + small,
      (_, i) => first >= 0 && i >= first && i < large.length - 1,
    );
    assertEquals(inside, expected, large);
    assertEquals(first < large.length - 1, true, large);
  }
  assertEquals(fixed({ frameBytes: 2 }).decoder().midFrame, undefined);
});

Deno.test("a hook that asks for a frame meanwhile gets the next one, and no call for this", () => {
  for (const [make, large] of STREAMS) {
    const queue = new ByteQueue();
    queue.append(utf8(large));
    let calls = 0;
    let asked: unknown;
    const decoder = make({
      oversize: "skip",
      onOversize: () => {
        calls++;
        if (calls < 10) asked = decoder.decode(queue);
      },
    }).decoder();
    const frames = [decoder.decode(queue), asked];
    assertEquals([calls, frames.filter((f) => f !== undefined).length], [1, 0]);
    assertEquals(queue.length <= 1, true);
  }
});

Deno.test("a hook may empty the queue, or ask for more, where a frame is cut to nothing", () => {
  for (const newline of ["\n", "\r\n"] as const) {
    const queue = new ByteQueue();
    let hook = (): void => queue.clear();
    const decoder = lines({
      newline,
      maxLineBytes: 0,
      oversize: "truncate",
      onOversize: () => hook(),
    }).decoder();
    queue.append(utf8(`11${newline}`));
    // As by a socket that the hook closes: this came to no end.
    assertEquals(decoder.decode(queue), "");
    queue.append(utf8(newline));
    assertEquals(decoder.decode(queue), undefined);
    const asked: unknown[] = [];
    hook = () => void asked.push(decoder.decode(queue));
    queue.append(utf8(`11${newline.repeat(4)}`));
    for (let i = 0; i < 4; i++) asked.push(decoder.decode(queue));
    assertEquals(asked, ["", "", "", "", undefined]);
  }
});
