import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ClosedError, connect, framed, serve } from "../../mod.ts";
import { memoryPair } from "../../lib/testing/memory_pair.ts";
import { ByteQueue } from "../../lib/bytes/byte_queue.ts";
import { ByteWriter } from "../../lib/bytes/byte_writer.ts";
import {
  array,
  bits,
  bool,
  bytes as bytesField,
  type Codec,
  CodecError,
  cstring,
  type Decoder,
  type Field,
  FrameTooLargeError,
  literal,
  MalformedFrameError,
  mappedField,
  packets,
  rest,
  sized,
  struct,
  u16,
  u32,
  u64,
  u8,
  UnexpectedEofError,
  union,
  utf8 as utf8Field,
  varint,
} from "../../lib/codec/mod.ts";
import { bytes, decodeAll, encodeAll, utf8 } from "./_support.ts";

const message = struct({
  header: bits({ type: 4, dup: bool, qos: 2, retain: bool }),
  body: sized(varint({ maxBytes: 4 }), rest),
});
const codec = packets(message);
const HEADER = { type: 3, dup: false, qos: 1, retain: true };

/** A decoder and its queue, given bytes one array at a time. */
function feed<In>(codec: Codec<In, never>) {
  const queue = new ByteQueue();
  const decoder = codec.decoder();
  return {
    queue,
    decoder,
    add(...values: number[]): In | undefined {
      queue.append(bytes(...values));
      return decoder.decode(queue);
    },
  };
}

Deno.test("packets() without frames reads each packet as soon as it is whole", () => {
  const sent = [0, 1, 127, 128, 20_000, 70_000, 3].map((size) => ({
    header: HEADER,
    body: new Uint8Array(size).map((_, i) => i * 5 + size),
  }));
  const wire = encodeAll(codec, ...sent);
  assertEquals(wire.subarray(0, 2), bytes(0b0011_0011, 0));
  for (const chunkBytes of [1, 2, 3, 1000, 65_536, Infinity]) {
    const { frames, errors } = decodeAll(codec, wire, chunkBytes);
    assertEquals(errors, []);
    assertEquals(frames, sent);
  }
});

Deno.test("packets() without frames takes what it has read, and says that it is inside", () => {
  const packet = struct({ a: utf8Field(u8), b: bytesField(u16), c: u8 });
  const { queue, decoder, add } = feed(packets(packet));
  assertEquals(decoder.midFrame, false);
  assertEquals(add(2), undefined);
  assertEquals([queue.length, decoder.midFrame], [1, false]);
  assertEquals(add(97, 98, 0), undefined);
  assertEquals([queue.length, decoder.midFrame], [1, true]);
  assertEquals(add(3, 7, 8), undefined);
  assertEquals(queue.length, 4);
  assertEquals(add(9), undefined);
  assertEquals(queue.length, 0);
  const value = add(5, 0);
  assertEquals(value, { a: "ab", b: bytes(7, 8, 9), c: 5 });
  assertEquals([queue.length, decoder.midFrame], [1, false]);
});

Deno.test("packets() without frames hands out bytes that later ones do not change", () => {
  const packet = packets(struct({ list: array(bytesField(u8), u8), end: u8 }));
  const queue = new ByteQueue();
  const decoder = packet.decoder();
  const add = (...values: number[]) => {
    for (const value of values) {
      queue.reserve()[0] = value;
      queue.commit(1);
    }
    return decoder.decode(queue);
  };
  const kept = [];
  for (let i = 0; i < 2000; i++) {
    assertEquals(add(2, 2, i, i), undefined);
    kept.push(add(1, 255 - (i & 255), 0)!.list);
  }
  kept.forEach((list, i) =>
    assertEquals(list, [bytes(i, i), bytes(255 - (i & 255))])
  );
});

Deno.test("packets() without frames refuses a packet above its limit once that is known", () => {
  const small = packets(message, { maxFrameBytes: 10 });
  const whole = { header: HEADER, body: new Uint8Array(8) };
  const { decoder, queue } = feed(small);
  queue.append(encodeAll(small, whole));
  assertEquals(decoder.decode(queue), whole);
  const { add } = feed(small);
  const error = assertThrows(() => add(0x33, 9), FrameTooLargeError);
  assertEquals([error.limit, error.claimed, error.skipped], [10, 11, false]);
  assertThrows(
    () => encodeAll(small, { header: HEADER, body: new Uint8Array(9) }),
    FrameTooLargeError,
    "at most 10 bytes, got 11",
  );
  // A claim beyond what a number holds, in a packet whose beginning was taken.
  const long = feed(packets(struct({ a: utf8Field(u8), b: bytesField(u64) })));
  assertEquals(long.add(1, 97, 255, 255, 255), undefined);
  const huge = assertThrows(
    () => long.add(255, 255, 255, 255, 255),
    FrameTooLargeError,
  );
  assertEquals(huge.claimed, 2n ** 64n - 1n + 10n);
  // A claim that is a number, and no number any more with what was before it.
  const most = bytes(255, 255, 255, 255, 255, 255, 255, 15);
  const near = feed(packets(struct({ a: u8, b: bytesField(varint()) })));
  const sum = assertThrows(() => near.add(1, ...most), FrameTooLargeError);
  assertEquals(sum.claimed, 2n ** 53n - 1n + 9n);
  // No end, and no end within the limit.
  const text = feed(packets(struct({ t: cstring() }), { maxFrameBytes: 4 }));
  assertEquals(text.add(97, 97, 97), undefined);
  const endless = assertThrows(() => text.add(97), FrameTooLargeError);
  assertEquals(endless.claimed, undefined);
  const word = feed(packets(struct({ t: cstring({ maxBytes: 2 }) })));
  assertThrows(
    () => word.add(97, 97, 97),
    MalformedFrameError,
    'field "t" must have a byte 0 within 2 bytes',
  );
  const many = packets(struct({ list: array(u16, u32) }));
  assertThrows(() => feed(many).add(0, 16, 0, 0), FrameTooLargeError);
});

Deno.test("packets() without frames ends at a packet that is malformed", () => {
  const kinds = packets(
    union({ op: u8 }, {
      1: struct({ a: u8 }),
      2: struct({ t: utf8Field(u8) }),
    }),
  );
  const wire = bytes(1, 5, 2, 1, 255, 1, 6);
  for (const chunkBytes of [1, 2, Infinity]) {
    const { frames, errors, failed } = decodeAll(kinds, wire, chunkBytes);
    assertEquals(frames, [{ op: 1, a: 5 }]);
    assert(failed);
    const [error] = errors;
    assert(error instanceof MalformedFrameError);
    assertEquals([error.recoverable, error.frame], [false, undefined]);
    assertEquals(
      error.message,
      'Cannot decode: field "t" must be valid UTF-8, got 1 bytes',
    );
  }
  const error = assertThrows(
    () => feed(kinds).add(9),
    MalformedFrameError,
    'field "op" must be one of 1, 2, got 9',
  );
  assert(!("cause" in error), "none is shown");
});

Deno.test("packets() without frames reports a stream that ends inside of one", () => {
  const wire = encodeAll(codec, { header: HEADER, body: utf8("hello") });
  for (let length = 1; length < wire.length; length++) {
    for (const chunkBytes of [1, Infinity]) {
      const part = wire.subarray(0, length);
      const { frames, errors } = decodeAll(codec, part, chunkBytes);
      assertEquals(frames, []);
      const [error] = errors;
      assert(error instanceof UnexpectedEofError);
      assertEquals(error.received, length);
      // Two bytes are known to be due at first, then all.
      assertEquals(error.expected, length === 1 ? 2 : wire.length);
    }
  }
  assertEquals(decodeAll(codec, new Uint8Array()), {
    frames: [],
    errors: [],
    failed: false,
  });
  const text = packets(struct({ t: cstring() }));
  const [error] = decodeAll(text, "abc").errors;
  assert(error instanceof UnexpectedEofError);
  assertEquals([error.received, error.expected], [3, undefined]);
});

Deno.test("packets() without frames reads a field of one's own again from its first byte", () => {
  let reads = 0;
  const inner = struct({ list: array(utf8Field(u8), u8, { maxItems: 2 }) });
  const own: Field<string> = {
    kind: "own",
    minBytes: 3,
    read(bytes) {
      reads++;
      const { list } = inner.read(bytes);
      return list.join() + utf8Text(bytes.takeUntil(0, 5));
    },
    write: () => {},
  };
  const packet = packets(struct({ a: bytesField(u8), own, z: u8 }));
  const { add } = feed(packet);
  assertEquals(add(1, 9, 2, 1, 97), undefined);
  assertEquals(add(1, 98, 99), undefined);
  // A zero is what it waits for, and two would be too many.
  assertEquals(add(99), undefined);
  assertEquals(add(0), undefined);
  assertEquals(add(7), { a: bytes(9), own: "a,bcc", z: 7 });
  assert(reads <= 4, `${reads} reads`);
  // Nothing is left of what it had read before.
  for (let cut = 1; cut < 11; cut++) {
    const wire = [1, 9, 2, 1, 97, 1, 98, 99, 99, 0, 7];
    const { add } = feed(packet);
    assertEquals(add(...wire.slice(0, cut)), undefined);
    const value = { a: bytes(9), own: "a,bcc", z: 7 };
    assertEquals(add(...wire.slice(cut)), value);
  }
});

Deno.test("packets() without frames waits for the end that a field searches, not for another", () => {
  const pair: Field<string[]> = {
    kind: "pair",
    minBytes: 2,
    read: (bytes) => [1, 2].map(() => utf8Text(bytes.takeUntil(0, 9))),
    write: () => {},
  };
  const { add, decoder, queue } = feed(packets(struct({ pair })));
  assertEquals(add(97, 0, 98), undefined);
  assertEquals(decoder.decode(queue), undefined);
  assertEquals(add(99), undefined);
  assertEquals(add(0), { pair: ["a", "bc"] });
});

const utf8Text = (data: Uint8Array) => new TextDecoder().decode(data);

Deno.test("packets() without frames holds a field of one's own to its contract", () => {
  const field = (read: Field<number>["read"]): Codec<unknown, never> =>
    packets(struct({
      own: { kind: "own", minBytes: 1, read, write: () => {} } as Field<number>,
    }));
  // It may not go on where bytes are missing.
  const catching = feed(field((bytes) => {
    try {
      return bytes.take(3)[0];
    } catch {
      return -1;
    }
  }));
  assertEquals(catching.add(7), undefined);
  assertEquals(catching.add(7), undefined);
  assertEquals(catching.add(7), { own: 7 });
  const renaming = feed(field((bytes) => {
    try {
      return bytes.take(3)[0];
    } catch (cause) {
      throw new RangeError("mine", { cause });
    }
  }));
  assertEquals(renaming.add(7, 7), undefined);
  assertEquals(renaming.add(7), { own: 7 });
  // What takes the rest must say so.
  const silent = feed(field((bytes) => bytes.takeRest().length));
  assertThrows(() => silent.add(7), CodecError, "must say so with takesRest");
  // A search has an end, and looks for a byte.
  for (const [end, maxBytes] of [[0, NaN], [0, -1], [0], [256, 1], [-1, 1]]) {
    const searching = feed(field((bytes) => {
      return bytes.takeUntil(end, maxBytes).length;
    }));
    assertThrows(
      () => searching.add(7),
      MalformedFrameError,
      'field "own" was refused: Cannot take bytes: ',
    );
  }
  const refusing = feed(field((bytes) => {
    throw new SyntaxError(`bad ${bytes.take(2)}`);
  }));
  assertEquals(refusing.add(1), undefined);
  assertThrows(
    () => refusing.add(2),
    MalformedFrameError,
    'field "own" was refused: bad 1,2',
  );
});

Deno.test("packets() without frames counts the values of arrays over all that has come", () => {
  const list = array(struct({ in: array(u8, u8) }), u8, { maxItems: 5 });
  const wires = [
    bytes(2, 1, 7, 2, 8, 9),
    bytes(3, 1, 7, 1, 8, 1, 9),
    bytes(2, 2, 7, 7, 2, 8, 9),
  ];
  for (const wire of wires) {
    const outcomes = [1, 2, 3, Infinity].map((chunkBytes) => {
      const codec = packets(struct({ list }));
      const { frames, errors } = decodeAll(codec, wire, chunkBytes);
      return { frames, texts: errors.map(({ message }) => message) };
    });
    for (const each of outcomes) assertEquals(each, outcomes[0]);
    assertEquals(outcomes[0].frames.length, wire === wires[0] ? 1 : 0);
  }
});

Deno.test("packets() without frames refuses what has no end of its own, and wrong options", () => {
  const cases = [
    [() => packets(struct({ a: u8, rest })), RangeError, "take the rest"],
    [() => packets(struct({})), RangeError, "at least 1 byte"],
    [
      () => packets(struct({ a: u32 }), { maxFrameBytes: 3 }),
      RangeError,
      "maxFrameBytes must be an integer of at least 4",
    ],
    [() => packets(message, { maxFrameBytes: NaN }), RangeError, "got NaN"],
    [
      () => packets(message, { maxFrameByte: 3 } as object),
      TypeError,
      "did you mean maxFrameBytes?",
    ],
    [() => packets(message, 5 as never), TypeError, "must be an object"],
    [
      () => packets(message, { encoder: 1 } as never),
      TypeError,
      "decoder() and encoder()",
    ],
    [() => packets(u8 as never), TypeError, "a struct or a union"],
  ] as const;
  for (const [make, errorClass, text] of cases) {
    assertThrows(make, errorClass, text);
  }
  packets(struct({ a: sized(u8, rest) }), { maxFrameBytes: Infinity });
});

Deno.test("packets() without frames is not disturbed by a getter that encodes meanwhile", () => {
  const out = new ByteWriter();
  const encoder = codec.encoder();
  const value = {
    get header() {
      encoder.encode({ header: HEADER, body: bytes(1) }, out);
      return HEADER;
    },
    body: bytes(2),
  };
  encoder.encode(value, out);
  assertEquals(out.toBytes(), bytes(0x33, 1, 1, 0x33, 1, 2));
});

Deno.test("packets() without frames says what is due only where a number can", () => {
  for (const first of [1, 128]) {
    const any = packets(struct({ a: u8, b: bytesField(u64) }), {
      maxFrameBytes: Infinity,
    });
    const { add, decoder, queue } = feed(any);
    assertEquals(add(1, first, 0, 0, 0, 0, 0, 0, 1, 7), undefined);
    const error = assertThrows(
      () => decoder.finish?.(queue),
      UnexpectedEofError,
    );
    assertEquals([error.received, error.expected], [10, undefined]);
  }
});

Deno.test("packets() without frames loses nothing to a field that asks for a packet meanwhile", () => {
  const asked: unknown[] = [];
  const queue = new ByteQueue();
  const hooked = mappedField(u8, (value): unknown => {
    try {
      asked.push(decoder.decode(queue));
    } catch (error) {
      asked.push((error as Error).message);
    }
    return [value, decoder.midFrame];
  }, () => 0);
  const decoder: Decoder<unknown> = packets(struct({ a: hooked, b: u8 }))
    .decoder();
  queue.append(bytes(1, 2, 3, 4));
  assertEquals(decoder.decode(queue), { a: [1, true], b: 2 });
  assertEquals(decoder.midFrame, false);
  assertEquals(decoder.decode(queue), { a: [3, true], b: 4 });
  assertEquals(
    asked,
    Array(2).fill(
      "Cannot decode: a field must not decode its packet",
    ),
  );
});

Deno.test("packets() without frames lets a field close its connection", {
  timeout: 10_000,
}, async () => {
  const [left, right] = memoryPair();
  const closing = mappedField(u8, (value) => {
    if (value === 7) right.abort();
    return value;
  }, (value: number) => value);
  const frames = framed(
    right,
    packets(struct({ a: closing, b: bytesField(u8) })),
  );
  await left.write(bytes(1, 0, 7, 1, 8, 1, 0));
  assertEquals(await frames.receive(), { a: 1, b: bytes() });
  assertEquals(await frames.receive(), { a: 7, b: bytes(8) });
  await assertRejects(() => frames.receive(), ClosedError);
});

Deno.test(
  "packets() without frames runs on a socket, with memory that is lent too",
  {
    timeout: 10_000,
  },
  async () => {
    const packet = struct({
      name: cstring(),
      list: array(bytesField(u16), u8),
    });
    const stream = packets(packet);
    await using server = await serve({ port: 0 }, async (socket) => {
      const frames = framed(socket, stream);
      for await (const frame of frames) await frames.send(frame);
    });
    await using socket = await connect({ port: server.addr.port });
    const frames = framed(socket, stream, { lendFrames: true });
    for (let i = 0; i < 40; i++) {
      const list = Array.from(
        { length: i },
        (_, j) => new Uint8Array(j * 199).fill(i + j),
      );
      const sent = { name: `${i}`, list };
      const [received] = await Promise.all([
        frames.receive(),
        frames.send(sent),
      ]);
      assertEquals(received, sent);
    }
  },
);

Deno.test("packets() without frames goes on behind a field of one's own that caught a refusal", () => {
  const inner = struct({ magic: literal(u8, 1), value: u8 });
  const tried = (field: Field<unknown>): Field<unknown> => ({
    kind: "tried",
    read(bytes) {
      try {
        return field.read(bytes);
      } catch (thrown) {
        const isRefused = thrown instanceof Object && "message" in thrown;
        if (isRefused) return "none";
        throw thrown;
      }
    },
    write: () => {},
  });
  const wires: [Field<unknown>, number[], unknown][] = [
    [inner, [1, 9, 0, 1, 0, 2], "none"],
    [sized(u8, inner), [1, 2, 9, 0, 1, 0, 2], "none"],
    [sized(u8, struct({ value: u8 })), [1, 0, 0, 1, 0, 2], "none"],
  ];
  for (const [field, wire, own] of wires) {
    const packet = packets(
      struct({ a: u8, own: tried(field), x: u16, y: u16 }),
    );
    const value = { a: 1, own, x: 1, y: 2 };
    for (let cut = 1; cut <= wire.length; cut++) {
      const { add } = feed(packet);
      const first = add(...wire.slice(0, cut));
      if (cut === wire.length) assertEquals(first, value);
      else assertEquals(add(...wire.slice(cut)), value, `cut at ${cut}`);
    }
  }
});

Deno.test("packets() without frames reads a field of one's own a few times where all of it is there", () => {
  let takes = 0;
  const count = 20_000;
  const own: Field<number> = {
    kind: "own",
    read(bytes) {
      let sum = 0;
      for (let i = 0; i < count; i++, takes++) sum += bytes.take(1)[0];
      return sum;
    },
    write: () => {},
  };
  const codec = packets(struct({ own, end: u8 }));
  const wire = new Uint8Array(count + 1).fill(1);
  for (const size of [count + 1, 10_000, 5_000]) {
    takes = 0;
    const queue = new ByteQueue();
    for (let i = 0; i <= count; i += size) {
      queue.append(wire.slice(i, i + size));
    }
    assertEquals(codec.decoder().decode(queue), { own: count, end: 1 });
    assert(takes < 4 * count, `${takes} takes`);
  }
});
