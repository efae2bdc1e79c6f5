/**
 * Text to bytes and back in the encodings that `TextDecoder` knows.
 *
 * @module
 */

import type { ByteWriter } from "../bytes/byte_writer.ts";
import { MalformedFrameError } from "../errors.ts";
import { badOption, show } from "./_options.ts";

const utf8 = new TextEncoder();

/** Options of codecs whose frames are text. */
export interface TextOptions {
  /**
   * The label of an encoding that `TextDecoder` knows. Encoding works for UTF-8 and
   * for all encodings with one byte a character.
   *
   * @default {"utf-8"}
   */
  encoding?: string;
  /**
   * Whether bytes that are not valid in the encoding are a `MalformedFrameError`,
   * after which the next frame can be read, instead of U+FFFD.
   *
   * @default {false}
   */
  fatal?: boolean;
}

/** One encoding, both ways. It has no state between calls. */
export class TextEncoding {
  /** The encoding's own name, whatever label chose it. */
  readonly name: string;
  readonly #decoder: TextDecoder;
  /** Bytes of characters, for encodings with one byte a character. */
  #byteOf: Map<string, number> | undefined;

  /** Refuses labels that do not exist, in the name of `codec`. */
  constructor(codec: string, options: TextOptions) {
    const { encoding = "utf-8", fatal = false } = options;
    if (typeof fatal !== "boolean") {
      throw badOption(codec, "fatal", "a boolean", fatal);
    }
    try {
      // A byte order mark is data: frames have no beginning of a file.
      this.#decoder = new TextDecoder(encoding, { fatal, ignoreBOM: true });
    } catch {
      throw badOption(
        codec,
        "encoding",
        "one that TextDecoder knows",
        encoding,
      );
    }
    this.name = this.#decoder.encoding;
  }

  /** Text of `bytes`. Throws a plain `TypeError` for bad bytes, if told to. */
  decode(bytes: Uint8Array): string {
    return this.#decoder.decode(bytes);
  }

  /** Text of a frame that has been taken off the queue already. */
  decodeFrame(frame: Uint8Array): string {
    try {
      return this.#decoder.decode(frame);
    } catch (cause) {
      throw new MalformedFrameError(
        `Cannot decode a frame as its text must be valid ${this.name}: current size is ${frame.length} bytes`,
        { cause, frame, recoverable: true, operation: "decode" },
      );
    }
  }

  /** Appends `text`, and returns how many bytes that took. */
  encode(text: string, out: ByteWriter): number {
    if (this.name === "utf-8") return out.writeText(text);
    const bytes = this.#toSingleBytes(text);
    out.write(bytes);
    return bytes.length;
  }

  /** Bytes of `text`, in an array of their own. */
  toBytes(text: string): Uint8Array {
    return this.name === "utf-8"
      ? utf8.encode(text)
      : this.#toSingleBytes(text);
  }

  #toSingleBytes(text: string): Uint8Array {
    const byteOf = this.#byteOf ??= this.#singleBytes();
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) {
      const byte = byteOf.get(text[i]);
      if (byte === undefined) {
        throw new RangeError(
          `Cannot encode text as its characters must be in ${this.name}: current value is ${
            show(String.fromCodePoint(text.codePointAt(i)!))
          }`,
        );
      }
      bytes[i] = byte;
    }
    return bytes;
  }

  #singleBytes(): Map<string, number> {
    const map = new Map<string, number>();
    const decoder = new TextDecoder(this.name, { ignoreBOM: true });
    for (let byte = 0; byte < 256; byte++) {
      const text = decoder.decode(Uint8Array.of(byte));
      if (text !== "\uFFFD") map.set(text, byte);
    }
    // Where bytes come in pairs, much of the upper half stands for nothing alone.
    if (map.size <= 192) {
      throw new TypeError(
        `Cannot encode text as its encoding must be UTF-8 or have one byte a character: current value is ${this.name}`,
      );
    }
    return map;
  }
}
