/**
 * Typed packets on a connection.
 *
 * @module
 */

import { wrongKind } from "../_check.ts";
import { ByteWriter } from "../bytes/byte_writer.ts";
import type { Codec, Encoder } from "./codec.ts";
import { finishOf } from "./encode_frame.ts";
import { FieldImpl } from "./field.ts";
import { mapped } from "./mapped.ts";
import { type Packet, PacketImpl } from "./packet.ts";

/** What a codec may hold on to between two packets. */
const KEPT_BYTES = 4 * 1024;
/** From this size on, an array may be referenced instead of copied. */
const REFERENCE_BYTES = 64 * 1024;

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
 * @throws {TypeError} `packet` is neither a struct nor a union.
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
): Codec<In, Out> {
  if (!(packet instanceof PacketImpl)) {
    const got = packet instanceof FieldImpl ? packet.kind : packet;
    throw wrongKind(
      "make a packets codec",
      "its packet",
      "a struct or a union",
      got,
    );
  }
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

/**
 * Where packets are written before their frame is. Encoding is synchronous, so one writer
 * serves all connections, one packet after the other. It is taken while a packet is
 * encoded: a getter of that packet may send on another connection.
 */
let idle: ByteWriter | undefined;

class PacketEncoder<Out> implements Encoder<Out> {
  readonly finish: Encoder<Out>["finish"];
  readonly #packet: PacketImpl<unknown, Out>;
  readonly #inner: Encoder<Uint8Array>;

  constructor(packet: PacketImpl<unknown, Out>, inner: Encoder<Uint8Array>) {
    this.finish = finishOf(inner);
    this.#packet = packet;
    this.#inner = inner;
  }

  encode(value: Out, out: ByteWriter): void {
    const scratch = idle ?? new ByteWriter();
    idle = undefined;
    try {
      this.#packet.writeWhole(value, scratch);
      // The inner encoder copies a small frame, so it needs no array of its own. A
      // large one may be referred to, so its memory is not used again.
      const frame = scratch.length < REFERENCE_BYTES
        ? scratch.peek()
        : scratch.toBytes();
      // Returned, so that a promise of an asynchronous encoder is noticed.
      return this.#inner.encode(frame, out);
    } finally {
      if (scratch.length > KEPT_BYTES || scratch.hasReferences) scratch.clear();
      else scratch.truncate(0);
      idle = scratch;
    }
  }
}
