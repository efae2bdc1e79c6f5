/**
 * Typed packets on a connection.
 *
 * @module
 */

import { checkLimit, checkNames, checkObject, wrongKind } from "../_check.ts";
import type { ByteWriter } from "../bytes/byte_writer.ts";
import type { Codec, Encoder } from "./codec.ts";
import { finishOf } from "./encode_frame.ts";
import { FieldImpl } from "./field.ts";
import { checkFrames, mapped } from "./mapped.ts";
import { type Packet, PacketImpl } from "./packet.ts";
import { PacketStreamDecoder, plainEncoder } from "./_packet_stream.ts";
import { DEFAULT_FRAME_BYTES } from "./policy.ts";
import { borrowWriter, giveBackWriter, takeWritten } from "./_scratch.ts";

/**
 * Options of {@linkcode packets} without frames around them.
 *
 * @category Typed packets
 */
export interface PacketsOptions {
  /**
   * Most bytes of a packet. `Infinity` for no limit.
   *
   * @default {1_048_576}
   */
  maxFrameBytes?: number | undefined;
}

const ACTION = "make a packets codec";
const OPTION_NAMES: ReadonlySet<string> = /* @__PURE__ */ new Set([
  "maxFrameBytes",
]);

/**
 * A codec whose frames are typed packets, in the frames of `codec`.
 *
 * A frame that is not such a packet is a `MalformedFrameError` that has the frame
 * and is `recoverable`: the next one still comes. Encoding throws what
 * `packet.encode` throws. What `codec` throws passes through.
 *
 * @typeParam In What is received.
 * @typeParam Out What is sent.
 * @param packet A {@linkcode struct} or a {@linkcode union}.
 * @param codec Where frames come from and go to. For packets of one size without
 * anything between them, `fixed({ frameBytes: packet.fixedBytes })`.
 * @returns A codec for any number of connections.
 * @throws {TypeError} `packet` is neither a struct nor a union, or `codec` is no codec.
 * @category Typed packets
 *
 * @example
 * ```ts
 * import { ByteWriter, lengthPrefixed, packets, struct, u16 } from "@sluice/net/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const codec = packets(struct({ x: u16, y: u16 }), lengthPrefixed({ lengthBytes: 1 }));
 * const out = new ByteWriter();
 * codec.encoder().encode({ x: 1, y: 2 }, out);
 * assertEquals(out.toBytes(), new Uint8Array([4, 0, 1, 0, 2]));
 * ```
 */
export function packets<In, Out>(
  packet: Packet<In, Out>,
  codec: Codec<Uint8Array>,
): Codec<In, Out>;
/**
 * A codec whose frames are typed packets, one after the other with nothing around them:
 * where one ends follows from its own fields, as in MQTT or in SOCKS.
 *
 * A packet is read as its bytes arrive, and what was read is not read again. Nothing is
 * allocated for a length that is claimed. As nothing but a packet says where the next one
 * begins, one that is malformed ends the frames (its error is not `recoverable`), and so
 * does one above `maxFrameBytes`, which is a `FrameTooLargeError` as soon as it says so. A
 * stream that ends inside of one is an `UnexpectedEofError`.
 *
 * @typeParam In What is received.
 * @typeParam Out What is sent.
 * @param packet A {@linkcode struct} or a {@linkcode union} of at least one byte, that does
 * not take the rest of a frame: put that into {@linkcode sized}.
 * @param options How large a packet may be.
 * @returns A codec for any number of connections.
 * @throws {TypeError} `packet` is neither a struct nor a union, or an option has an unknown
 * name.
 * @throws {RangeError} Where `packet` ends cannot be told, or `maxFrameBytes` is below its
 * smallest size.
 * @category Typed packets
 *
 * @example
 * ```ts
 * import { ByteQueue, bytes, packets, struct, u8, utf8, varint } from "@sluice/net/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const codec = packets(struct({ kind: u8, topic: utf8(u8), data: bytes(varint()) }));
 * const queue = new ByteQueue();
 * const decoder = codec.decoder();
 * queue.append(new Uint8Array([1, 2, 104, 105, 3, 7, 8]));
 * assertEquals(decoder.decode(queue), undefined);
 * queue.append(new Uint8Array([9]));
 * assertEquals(decoder.decode(queue)?.data, new Uint8Array([7, 8, 9]));
 * ```
 */
export function packets<In, Out>(
  packet: Packet<In, Out>,
  options?: PacketsOptions,
): Codec<In, Out>;
export function packets<In, Out>(
  packet: Packet<In, Out>,
  around: Codec<Uint8Array> | PacketsOptions = {},
): Codec<In, Out> {
  if (!(packet instanceof PacketImpl)) {
    const got = packet instanceof FieldImpl ? packet.kind : packet;
    throw wrongKind(ACTION, "its packet", "a struct or a union", got);
  }
  checkObject(ACTION, "options", around);
  const isCodec = "decoder" in around || "encoder" in around;
  return isCodec ? inFrames(packet, around) : onStream(packet, around);
}

function inFrames<In, Out>(
  packet: PacketImpl<In, Out>,
  codec: Codec<Uint8Array>,
): Codec<In, Out> {
  checkFrames(ACTION, codec);
  const decoding = mapped(
    codec,
    (frame) => packet.decode(frame) as In,
    (value: Out) => packet.encode(value),
  );
  return {
    decoder: () => decoding.decoder(),
    encoder: () => new PacketEncoder<Out>(packet, codec.encoder()),
  };
}

function onStream<In, Out>(
  packet: PacketImpl<In, Out>,
  options: PacketsOptions,
): Codec<In, Out> {
  checkNames(ACTION, "options", options, OPTION_NAMES);
  const { maxFrameBytes = DEFAULT_FRAME_BYTES } = options;
  if (packet.takesRest || packet.minBytes === 0) {
    const must =
      "one of at least 1 byte that does not take the rest of a frame";
    const got = packet.takesRest ? "one that does" : "an empty one";
    throw new RangeError(
      `Cannot ${ACTION}: its packet must be ${must}, got ${got}`,
    );
  }
  checkLimit(ACTION, "maxFrameBytes", maxFrameBytes, packet.minBytes);
  const inner = plainEncoder(maxFrameBytes);
  return {
    decoder: () => new PacketStreamDecoder<In>(packet, maxFrameBytes),
    encoder: () => new PacketEncoder<Out>(packet, inner),
  };
}

class PacketEncoder<Out> implements Encoder<Out> {
  readonly finish: Encoder<Out>["finish"];
  readonly #packet: PacketImpl<unknown, Out>;
  readonly #inner: Encoder<Uint8Array>;

  constructor(packet: PacketImpl<unknown, Out>, inner: Encoder<Uint8Array>) {
    this.finish = finishOf(inner);
    this.#packet = packet;
    this.#inner = inner;
  }

  get midFrame(): boolean | undefined {
    return this.#inner.midFrame;
  }

  encode(value: Out, out: ByteWriter): void {
    const scratch = borrowWriter();
    try {
      this.#packet.writeWhole(value, scratch);
      // Returned, so that a promise of an asynchronous encoder is noticed.
      return this.#inner.encode(takeWritten(scratch), out);
    } finally {
      giveBackWriter(scratch);
    }
  }
}
