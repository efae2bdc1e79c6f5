/**
 * How one datagram is made from a value, and a value from one datagram.
 *
 * @module
 */

import { ByteQueue } from "../bytes/byte_queue.ts";
import { ByteWriter } from "../bytes/byte_writer.ts";
import type { Codec } from "../codec/codec.ts";
import { encodeFrame, finishFrames } from "../codec/encode_frame.ts";
import { FrameDecoder } from "../codec/frame_decoder.ts";
import type { Packet } from "../codec/packet.ts";
import { MalformedFrameError } from "../errors.ts";

/** Datagrams that are values of one kind. */
export interface DatagramFormat<In, Out> {
  /** Throws where it is not exactly one. */
  decode(data: Uint8Array): In;
  encode(value: Out): Uint8Array;
}

/** A packet is a datagram as it is; of a codec it is one whole stream of one frame. */
export function formatOf<In, Out>(
  packet: Packet<In, Out> | Codec<In, Out>,
): DatagramFormat<In, Out> {
  if (!("decoder" in packet)) return packet;
  return {
    decode: (data) => decodeOne(packet, data),
    encode(value) {
      const out = new ByteWriter();
      const encoder = packet.encoder();
      encodeFrame(encoder, value, out);
      finishFrames(encoder, out);
      return out.toBytes();
    },
  };
}

function decodeOne<In>(codec: Codec<In, never>, data: Uint8Array): In {
  const queue = new ByteQueue();
  queue.append(data);
  const frames = new FrameDecoder<In>(codec.decoder(), queue);
  const frame = frames.next(true);
  if (frame === undefined) {
    throw malformed("must have a frame, got none", data);
  }
  if (queue.length > 0 || frames.next(true) !== undefined) {
    throw malformed("must end with its frame, got more behind it", data);
  }
  return frame;
}

function malformed(must: string, frame: Uint8Array): MalformedFrameError {
  return new MalformedFrameError(`Cannot decode: the datagram ${must}`, {
    operation: "decode",
    frame,
    recoverable: true,
  });
}
