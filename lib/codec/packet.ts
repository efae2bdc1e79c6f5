/**
 * What structs and unions have in common.
 *
 * @module
 */

import { ByteWriter } from "../bytes/byte_writer.ts";
import { FieldReader } from "./_field_reader.ts";
import { type Field, FieldImpl } from "./field.ts";

/** A field that can also be a whole frame: a `struct` or a `union`. */
export interface Packet<In, Out = In> extends Field<In, Out> {
  /**
   * Decodes a whole frame. Fields of bytes are views of it.
   *
   * @param frame Exactly one packet.
   * @throws {MalformedFrameError} It ends inside the packet or goes on behind it,
   * or a field is not what it must be. The error is `recoverable`: it is only about
   * this frame.
   */
  decode(frame: Uint8Array): In;

  /**
   * Encodes a value into bytes of its own.
   *
   * @param value What to encode. Fields that others name as their length may be
   * left out: they are computed.
   * @throws {RangeError} A value is out of its range.
   * @throws {TypeError} A value is of the wrong type.
   */
  encode(value: Out): Uint8Array<ArrayBuffer>;
}

// Decoding calls nobody else's code, so one reader serves all.
const reader = new FieldReader();

/** A packet's two methods, on top of how it is read and written as a field. */
export abstract class PacketImpl<In, Out> extends FieldImpl<In, Out>
  implements Packet<In, Out> {
  decode(frame: Uint8Array): In {
    try {
      reader.open(frame);
      const value = this.read(reader, this.kind, -1);
      if (reader.left > 0) {
        const must = "be all there is in the frame";
        throw reader.malformed(this.kind, must, `${reader.left} bytes left`);
      }
      return value;
    } finally {
      reader.close();
    }
  }

  encode(value: Out): Uint8Array<ArrayBuffer> {
    const out = new ByteWriter();
    try {
      this.write(value, out, this.kind);
      return out.toBytes();
    } finally {
      out.clear();
    }
  }
}
