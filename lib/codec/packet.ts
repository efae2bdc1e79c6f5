/**
 * What structs and unions have in common.
 *
 * @module
 */

import { checkBytes } from "../_check.ts";
import { ByteWriter } from "../bytes/byte_writer.ts";
import { type Field, FieldImpl } from "./field.ts";
import { borrowReader, giveBack } from "./_packet_reader.ts";
import { locatedError, Refusal } from "./_refusal.ts";
import { resetWrittenItems, writtenItems } from "./_written_items.ts";

/**
 * A field that can also be a whole frame: a `struct` or a `union`.
 *
 * @category Typed packets
 */
export interface Packet<In, Out = In> extends Field<In, Out> {
  /**
   * Decodes a whole frame. Fields of bytes are views of it.
   *
   * @param frame Exactly one packet.
   * @throws {MalformedFrameError} It ends inside the packet or goes on behind it,
   * or a field is not what it must be. The error is `recoverable`: it is only about
   * this frame.
   * @throws {TypeError} `frame` is not a `Uint8Array`.
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

/** A packet's two methods, on top of how it is read and written as a field. */
export abstract class PacketImpl<In, Out> extends FieldImpl<In, Out>
  implements Packet<In, Out> {
  decode(frame: Uint8Array): In {
    checkBytes("decode", "the frame", frame);
    const reader = borrowReader();
    try {
      reader.open(frame);
      const value = this.read(reader);
      if (reader.left > 0) {
        const must = "must be all there is in the frame";
        throw new Refusal(`${must}, got ${reader.left} bytes left`);
      }
      return value;
    } catch (thrown) {
      throw reader.frameError(thrown);
    } finally {
      giveBack(reader);
    }
  }

  encode(value: Out): Uint8Array<ArrayBuffer> {
    const out = new ByteWriter();
    try {
      this.writeWhole(value, out);
      return out.toBytes();
    } finally {
      out.clear();
    }
  }

  /** Appends a packet that is part of no other. */
  writeWhole(value: Out, out: ByteWriter): void {
    const before = writtenItems();
    try {
      this.write(value, out);
    } catch (thrown) {
      throw locatedError(thrown);
    } finally {
      resetWrittenItems(before);
    }
  }
}
