import { assert, assertEquals, assertThrows } from "@std/assert";
import { ByteQueue } from "../../lib/bytes/byte_queue.ts";
import { lengthPrefixed } from "../../lib/codec/length_prefixed.ts";
import {
  FrameTooLargeError,
  MalformedFrameError,
  UnexpectedEofError,
} from "../../lib/errors.ts";
import { bytes, CHUNKS, decodeAll, encodeAll } from "./_support.ts";

Deno.test("lengthPrefixed() writes four bytes of length, the highest first, by default", () => {
  const wire = encodeAll(lengthPrefixed(), bytes(7, 8), bytes());
  assertEquals(wire, bytes(0, 0, 0, 2, 7, 8, 0, 0, 0, 0));
  for (const chunk of CHUNKS) {
    assertEquals(decodeAll(lengthPrefixed(), wire, chunk).frames, [
      bytes(7, 8),
      bytes(),
    ]);
  }
});

Deno.test("lengthPrefixed() takes lengths of every width, both ways round", () => {
  const headers = {
    1: [3],
    2: [0, 3],
    3: [0, 0, 3],
    4: [0, 0, 0, 3],
    8: [0, 0, 0, 0, 0, 0, 0, 3],
  };
  for (const lengthBytes of [1, 2, 3, 4, 8] as const) {
    for (const byteOrder of ["big", "little"] as const) {
      const codec = lengthPrefixed({ lengthBytes, byteOrder });
      const header = [...headers[lengthBytes]];
      if (byteOrder === "little") header.reverse();
      const wire = bytes(...header, 1, 2, 3);
      assertEquals(encodeAll(codec, bytes(1, 2, 3)), wire);
      for (const chunk of CHUNKS) {
        assertEquals(decodeAll(codec, wire, chunk).frames, [bytes(1, 2, 3)]);
      }
    }
  }
});

Deno.test("lengthPrefixed() lays messages out as Netty does, in both directions", () => {
  const body = [1, 2, 3];
  const cases = [
    // The length counts its own two bytes.
    [{ lengthBytes: 2, adjust: -2 }, [0, 5, ...body], body],
    // The whole message, with its header.
    [{ lengthBytes: 2, skip: 0 }, [0, 3, ...body], [0, 3, ...body]],
    // The length counts the whole message, which is handed over.
    [
      { lengthBytes: 2, adjust: -2, skip: 0 },
      [0, 5, ...body],
      [0, 5, ...body],
    ],
    // Something stands before the length, and is handed over.
    [
      { lengthBytes: 1, offset: 2, skip: 0 },
      [9, 8, 3, ...body],
      [9, 8, 3, ...body],
    ],
    // One byte of a header of two between the length and the body is counted.
    [{ lengthBytes: 1, adjust: 1 }, [2, 9, 1, 2], [9, 1, 2]],
    // Something before the length is skipped, and nothing else is.
    [
      { lengthBytes: 1, offset: 1, skip: 1 },
      [0, 3, ...body],
      [3, ...body],
    ],
    // More than the header is skipped.
    [{ lengthBytes: 1, skip: 2 }, [4, 0, ...body], body],
  ] as const;
  for (const [options, wire, frame] of cases) {
    const codec = lengthPrefixed(options);
    for (const chunk of CHUNKS) {
      assertEquals(
        decodeAll(codec, bytes(...wire, ...wire), chunk).frames,
        [bytes(...frame), bytes(...frame)],
      );
    }
    assertEquals(encodeAll(codec, bytes(...frame)), bytes(...wire));
  }
});

Deno.test("lengthPrefixed() writes the length over a frame's own, and spares the frame", () => {
  const codec = lengthPrefixed({ lengthBytes: 2, offset: 1, skip: 0 });
  const frame = new Uint8Array(70_000).fill(0xff);
  assertEquals(
    encodeAll(lengthPrefixed({ lengthBytes: 3, offset: 1, skip: 0 }), frame)
      .subarray(0, 5),
    bytes(0xff, 1, 0x11, 0x6c, 0xff),
  );
  assert(frame.every((byte) => byte === 0xff));
  const short = new Uint8Array(2);
  assertThrows(() => encodeAll(codec, short), RangeError, "from 3 to");
  assertThrows(() => encodeAll(codec, frame), RangeError, "from 3 to 65538");
});

Deno.test("lengthPrefixed() fills header bytes that are not given with zeros", () => {
  const codec = lengthPrefixed({ lengthBytes: 1, offset: 2, skip: 4 });
  const dirty = encodeAll(codec, bytes(255, 255, 255, 255, 255));
  assertEquals(dirty, bytes(0, 0, 6, 0, 255, 255, 255, 255, 255));
});

Deno.test("lengthPrefixed() frames are views of what was read", () => {
  const queue = new ByteQueue();
  const wire = new Uint8Array(5000).fill(1);
  wire.set([0, 0, 0, 100]);
  queue.append(wire);
  const frame = lengthPrefixed().decoder().decode(queue);
  assertEquals(frame?.buffer, wire.buffer);
  assertEquals(frame?.byteOffset, 4);
});

Deno.test("lengthPrefixed() refuses a frame above its limit and allocates nothing for it", () => {
  for (const chunk of CHUNKS) {
    const { errors, failed } = decodeAll(
      lengthPrefixed(),
      bytes(255, 255, 255, 255, 1, 2, 3),
      chunk,
    );
    const [error] = errors;
    assert(error instanceof FrameTooLargeError && failed);
    assertEquals(
      [error.limit, error.claimed, error.skipped],
      [1024 * 1024, 2 ** 32 - 1, false],
    );
  }
  const unlimited = lengthPrefixed({ maxFrameBytes: Infinity });
  const queue = new ByteQueue();
  const decoder = unlimited.decoder();
  for (const byte of [255, 255, 255, 255, 1, 2, 3]) {
    queue.append(bytes(byte));
    assertEquals(decoder.decode(queue), undefined);
  }
  assert(queue.capacity <= 1024, `${queue.capacity} bytes`);
});

Deno.test("lengthPrefixed() takes a frame of exactly its limit, in both directions", () => {
  for (const skip of [0, 2]) {
    const codec = lengthPrefixed({ lengthBytes: 2, skip, maxFrameBytes: 4 });
    const frame = skip === 0 ? bytes(0, 2, 1, 1) : bytes(1, 1, 1, 1);
    const wire = encodeAll(codec, frame);
    assertEquals(decodeAll(codec, wire).frames, [frame]);
    assertThrows(
      () => encodeAll(codec, new Uint8Array(5)),
      FrameTooLargeError,
      "its size must be at most 4 bytes, got 5",
    );
    wire[1]++;
    assertEquals(decodeAll(codec, wire).errors.length, 1);
  }
});

Deno.test("lengthPrefixed() is safe with 8-byte lengths beyond 2^53", () => {
  for (const maxFrameBytes of [1024, Infinity]) {
    const codec = lengthPrefixed({ lengthBytes: 8, maxFrameBytes, adjust: -8 });
    for (const high of [0x20, 0xff]) {
      // As a number it would lose its last bits.
      const wire = bytes(0, high, 0, 0, 0, 0, 0, 9);
      const [error] = decodeAll(codec, wire, 3).errors;
      assert(error instanceof FrameTooLargeError);
      assertEquals(error.claimed, (BigInt(high) << 48n) + 1n);
    }
  }
  const little = lengthPrefixed({ lengthBytes: 8, byteOrder: "little" });
  const [error] = decodeAll(little, new Uint8Array(8).fill(255)).errors;
  assertEquals((error as FrameTooLargeError).claimed, 2n ** 64n - 1n);
});

Deno.test("lengthPrefixed() skips a large frame without keeping it, and reads the next", () => {
  const reports: FrameTooLargeError[] = [];
  const codec = lengthPrefixed({
    lengthBytes: 1,
    maxFrameBytes: 3,
    oversize: "skip",
    onOversize: (error) => reports.push(error),
  });
  const wire = bytes(1, 9, 5, 1, 2, 3, 4, 5, 4, 1, 2, 3, 4, 2, 8, 8);
  for (const chunk of CHUNKS) {
    reports.length = 0;
    const { frames, errors } = decodeAll(codec, wire, chunk);
    assertEquals(frames, [bytes(9), bytes(8, 8)]);
    assertEquals(errors, []);
    assertEquals(
      reports.map(({ limit, claimed, skipped }) => [limit, claimed, skipped]),
      [[3, 5, true], [3, 4, true]],
    );
  }
});

Deno.test("lengthPrefixed() calls a length malformed that is negative once adjusted", () => {
  const cases = [
    [lengthPrefixed({ lengthBytes: 1, adjust: -2 }), [1, 5]],
    [lengthPrefixed({ lengthBytes: 2, adjust: -2, skip: 0 }), [0, 1, 5, 5]],
    // Shorter than what is to be skipped.
    [lengthPrefixed({ lengthBytes: 1, skip: 3 }), [1, 5, 5, 5]],
  ] as const;
  for (const [codec, wire] of cases) {
    for (const chunk of CHUNKS) {
      const { frames, errors, failed } = decodeAll(
        codec,
        bytes(...wire),
        chunk,
      );
      assertEquals(frames, []);
      assert(errors[0] instanceof MalformedFrameError && failed);
    }
  }
});

Deno.test("lengthPrefixed() calls a signed length below 0 malformed", () => {
  for (const lengthBytes of [1, 2, 3, 4, 8] as const) {
    for (const byteOrder of ["big", "little"] as const) {
      const codec = lengthPrefixed({
        lengthBytes,
        byteOrder,
        signed: true,
        offset: 1,
        // What is added to a negative length does not make it good.
        adjust: 5,
      });
      const header = new Uint8Array(1 + lengthBytes).fill(255);
      const wire = Uint8Array.of(...header, 1, 2, 3, 4);
      for (const chunk of CHUNKS) {
        const { frames, errors } = decodeAll(codec, wire, chunk);
        assertEquals(frames, []);
        assert(errors[0] instanceof MalformedFrameError);
        assertEquals(
          errors[0].message,
          "Cannot decode a frame: its length must be at least 0, got -1",
        );
      }
      // The smallest and the largest number, alone in their bytes.
      header.fill(0, 1);
      const top = byteOrder === "big" ? 1 : lengthBytes;
      header[top] = 0x80;
      const [least] = decodeAll(codec, header).errors;
      const value = -(2n ** BigInt(8 * lengthBytes - 1));
      assert(least.message.endsWith(`got ${value}`), least.message);
      header.fill(255, 1);
      header[top] = 0x7f;
      const [most] = decodeAll(codec, header).errors;
      const claimed = 2n ** BigInt(8 * lengthBytes - 1) - 1n + 5n;
      if (claimed < 1_000_000n) assert(most instanceof UnexpectedEofError);
      else {
        assert(most instanceof FrameTooLargeError);
        assertEquals(BigInt(most.claimed!), claimed);
      }
    }
  }
  const codec = lengthPrefixed({ lengthBytes: 1, signed: true });
  assertEquals(encodeAll(codec, new Uint8Array(127)).length, 128);
  assertThrows(
    () => encodeAll(codec, new Uint8Array(128)),
    RangeError,
    "its size must be from 0 to 127 bytes",
  );
  assertThrows(
    () => lengthPrefixed({ signed: 1 as unknown as boolean }),
    TypeError,
    "signed must be a boolean",
  );
});

Deno.test("lengthPrefixed() is exact where adjust brings a huge length below 2^53", () => {
  const codec = lengthPrefixed({
    lengthBytes: 8,
    adjust: -8,
    maxFrameBytes: Infinity,
  });
  const [error] = decodeAll(codec, bytes(0, 32, 0, 0, 0, 0, 0, 1)).errors;
  assert(error instanceof FrameTooLargeError);
  assertEquals(error.claimed, 2n ** 53n + 1n - 8n);
});

Deno.test("lengthPrefixed() reports a stream that ends inside a frame", () => {
  const cases = [
    [[0], 1, 2],
    [[0, 3], 2, 5],
    [[0, 3, 1, 2], 4, 5],
  ] as const;
  for (const [wire, received, expected] of cases) {
    const codec = lengthPrefixed({ lengthBytes: 2 });
    const [error] = decodeAll(codec, bytes(...wire)).errors;
    assert(error instanceof UnexpectedEofError);
    assertEquals([error.received, error.expected], [received, expected]);
  }
  assertEquals(decodeAll(lengthPrefixed(), bytes()).errors, []);
});

Deno.test("lengthPrefixed() drops or hands over an unfinished frame if told to", () => {
  const wire = bytes(0, 1, 9, 0, 3, 1, 2);
  const drop = lengthPrefixed({ lengthBytes: 2, atEof: "drop" });
  const emit = lengthPrefixed({ lengthBytes: 2, atEof: "emit" });
  assertEquals(decodeAll(drop, wire), {
    frames: [bytes(9)],
    errors: [],
    failed: false,
  });
  assertEquals(decodeAll(emit, wire).frames, [bytes(9), bytes(1, 2)]);
  // Right after the header it is an empty one; inside the header none has begun.
  assertEquals(
    decodeAll(emit, wire.subarray(0, 5)).frames,
    [bytes(9), bytes()],
  );
  assertEquals(decodeAll(emit, wire.subarray(0, 4)), {
    frames: [bytes(9)],
    errors: [],
    failed: false,
  });
});

Deno.test("lengthPrefixed() hands over what came of a header that is of the frame", () => {
  const options = { lengthBytes: 4, offset: 2, atEof: "emit" } as const;
  const wire = bytes(1, 2, 0, 0);
  for (
    const [skip, expected] of [
      [0, [wire]],
      [2, [bytes(0, 0)]],
      [6, []],
      [9, []],
    ] as const
  ) {
    const { frames, errors } = decodeAll(
      lengthPrefixed({ ...options, skip }),
      wire,
    );
    assertEquals([frames, errors], [[...expected], []]);
  }
});

Deno.test("lengthPrefixed() counts what came of a frame too large for a number", () => {
  const codec = lengthPrefixed({ lengthBytes: 8, oversize: "skip" });
  const wire = new Uint8Array(20).fill(255);
  for (const chunk of CHUNKS) {
    const [error] = decodeAll(codec, wire, chunk).errors;
    assert(error instanceof UnexpectedEofError);
    assertEquals([error.received, error.expected], [20, undefined]);
  }
});

Deno.test("lengthPrefixed() claims the exact size where adjust makes it too large", () => {
  const codec = lengthPrefixed({ lengthBytes: 8, adjust: 2 });
  const wire = bytes(0, 0x1f, 255, 255, 255, 255, 255, 255);
  const [error] = decodeAll(codec, wire).errors;
  assert(error instanceof FrameTooLargeError);
  assertEquals(error.claimed, 2n ** 53n + 1n);
});

Deno.test("lengthPrefixed() reports a stream that ends inside a skipped frame", () => {
  for (const atEof of ["error", "drop", "emit"] as const) {
    const codec = lengthPrefixed({
      lengthBytes: 1,
      maxFrameBytes: 2,
      oversize: "skip",
      atEof,
    });
    for (const chunk of CHUNKS) {
      const { frames, errors } = decodeAll(codec, bytes(9, 1, 2, 3), chunk);
      assertEquals(frames, []);
      assertEquals(
        errors.map((error) => (error as UnexpectedEofError).received),
        atEof === "error" ? [4] : [],
      );
    }
  }
});

Deno.test("lengthPrefixed() refuses bad options at once", () => {
  const cases = [
    [{ lengthBytes: 5 }, RangeError, "must be 1, 2, 3, 4 or 8, got 5"],
    [{ byteOrder: "middle" }, RangeError, '"big" or "little", got "middle"'],
    [{ offset: -1 }, RangeError, "from 0 to 1024, got -1"],
    [{ adjust: 0.5 }, RangeError, "got 0.5"],
    [{ skip: 2000 }, RangeError, "from 0 to 1024, got 2000"],
    [{ skip: 3 }, RangeError, "at least offset + lengthBytes (4), got 3"],
    [{ maxFrameBytes: -1 }, RangeError, "at least 0, or Infinity, got -1"],
    [{ maxFrameBytes: NaN }, RangeError, "got NaN"],
    [{ maxFrameBytes: "9" }, TypeError, 'must be a number, got "9"'],
    [{ oversize: "truncate" }, RangeError, '"fail" or "skip", got "truncate"'],
    [{ atEof: "maybe" }, RangeError, 'got "maybe"'],
    // Of these no frame could be sent or received.
    [
      { lengthBytes: 1, adjust: -300 },
      RangeError,
      "the largest frame that lengthBytes, adjust and skip allow must be at least 0, got -45",
    ],
    [{ lengthBytes: 1, skip: 300 }, RangeError, "at least 0, got -44"],
    [
      { lengthBytes: 1, skip: 0, adjust: -256 },
      RangeError,
      "at least 1, got 0",
    ],
    [{ skip: 0, maxFrameBytes: 3 }, RangeError, "at least 4, or Infinity"],
    [{ adjust: 9, maxFrameBytes: 8 }, RangeError, "at least 9, or Infinity"],
    [{ onOversize: 1 }, TypeError, "onOversize must be a function, got 1"],
  ] as const;
  for (const [options, ErrorClass, text] of cases) {
    assertThrows(
      () => lengthPrefixed(options as Parameters<typeof lengthPrefixed>[0]),
      ErrorClass,
      text,
    );
  }
});

Deno.test("lengthPrefixed() refuses skip: null as it does any other null", () => {
  assertThrows(
    () => lengthPrefixed({ skip: null as unknown as number }),
    TypeError,
    "Cannot make a lengthPrefixed codec: skip must be a number, got null",
  );
});
