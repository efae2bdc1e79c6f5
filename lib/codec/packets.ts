/**
 * Typed packets on a connection.
 *
 * @module
 */

import { ByteWriter } from "../bytes/byte_writer.ts";
import type { Codec, Encoder } from "./codec.ts";
import { FieldImpl } from "./field.ts";
import { mapped } from "./mapped.ts";
import { type Packet, PacketImpl } from "./packet.ts";
import { show } from "./_options.ts";

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
    throw new TypeError(
      `Cannot make a packets codec as its packet must be a struct or a union: current value is ${
        packet instanceof FieldImpl ? packet.kind : show(packet)
      }`,
    );
  }
  const decoding = mapped(
    codec,
    (frame) => packet.decode(frame) as In,
    (value: Out) => packet.encode(value),
  );
  // Encoding waits for nobody, so the encoders of all connections take turns.
  const scratch = new ByteWriter();
  return {
    decoder: () => decoding.decoder(),
    encoder: () => new PacketEncoder<Out>(packet, codec.encoder(), scratch),
  };
}

class PacketEncoder<Out> implements Encoder<Out> {
  readonly #packet: PacketImpl<unknown, Out>;
  readonly #inner: Encoder<Uint8Array>;
  readonly #scratch: ByteWriter;

  constructor(
    packet: PacketImpl<unknown, Out>,
    inner: Encoder<Uint8Array>,
    scratch: ByteWriter,
  ) {
    this.#packet = packet;
    this.#inner = inner;
    this.#scratch = scratch;
  }

  encode(value: Out, out: ByteWriter): void {
    const scratch = this.#scratch;
    try {
      this.#packet.write(value, scratch, this.#packet.kind);
      // A small frame is copied by whoever writes it, so it needs no array of its
      // own. The memory of a large one is left to whoever refers to it.
      const frame = scratch.length < REFERENCE_BYTES
        ? scratch.peek()
        : scratch.toBytes();
      this.#inner.encode(frame, out);
    } finally {
      if (scratch.length > KEPT_BYTES || scratch.hasReferences) scratch.clear();
      else scratch.truncate(0);
    }
  }
}
