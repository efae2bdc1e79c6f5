/**
 * Text to bytes and back in the encodings that `TextDecoder` knows.
 *
 * @module
 */

import { copyOf } from "../bytes/plain_array.ts";
import type { ByteWriter } from "../bytes/byte_writer.ts";
import { MalformedFrameError } from "../errors.ts";
import { checkBoolean, checkText, outOfRange, show } from "../_check.ts";

const lossyUtf8 = /* @__PURE__ */ new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Options of codecs whose frames are text.
 *
 * @category Frames and codecs
 */
export interface TextOptions {
  /**
   * The label of an encoding that `TextDecoder` knows. Encoding works for UTF-8 and
   * for all encodings with one byte a character.
   *
   * @default {"utf-8"}
   */
  encoding?: string | undefined;
  /**
   * Whether bytes that are not valid in the encoding are a `MalformedFrameError`,
   * after which the next frame can be read, instead of U+FFFD.
   *
   * @default {false}
   */
  fatal?: boolean | undefined;
}

/** One encoding, both ways. It has no state between calls. */
export class TextEncoding {
  /** The encoding's own name, whatever label chose it. */
  readonly name: string;
  readonly #decoder: TextDecoder;
  /** Bytes of characters, for encodings with one byte a character. */
  #byteOf: Map<string, number> | undefined;

  /** Refuses labels that do not exist; `action` is for the error's text. */
  constructor(action: string, options: TextOptions) {
    const { encoding = "utf-8", fatal = false } = options;
    checkBoolean(action, "fatal", fatal);
    checkText(action, "encoding", encoding);
    try {
      this.name = new TextDecoder(encoding).encoding;
    } catch {
      const must = "one that TextDecoder knows";
      throw outOfRange(action, "encoding", must, encoding);
    }
    this.#decoder = newDecoder(this.name, fatal);
  }

  /** Text of `bytes`. Throws a plain `TypeError` for bad bytes, if told to. */
  decode(bytes: Uint8Array): string {
    if (this.name !== "utf-8") return this.#decoder.decode(bytes);
    // Deno's fatal decoder is two to nine times slower: it only judges doubtful text.
    const text = lossyUtf8.decode(bytes);
    return this.#decoder.fatal && text.includes("\ufffd")
      ? this.#decoder.decode(bytes)
      : text;
  }

  /**
   * Text of whole lines in one go; `undefined` where it might not be that of each line
   * alone.
   */
  decodeLines(bytes: Uint8Array): string | undefined {
    let text: string;
    try {
      text = this.decode(bytes);
    } catch {
      return undefined;
    }
    // What a bad character of GB18030 leaves over depends on the bytes behind it.
    return this.name !== "utf-8" && text.includes("\ufffd") ? undefined : text;
  }

  /** Text of a frame whose bytes are off the queue, though perhaps not its own. */
  decodeFrame(frame: Uint8Array): string {
    try {
      return this.decode(frame);
    } catch (cause) {
      throw this.#malformed(frame, cause);
    }
  }

  /** Text of the whole characters in the first bytes of a frame. */
  decodeHead(head: Uint8Array): string {
    // For this frame alone: it keeps back a last character that is cut off.
    const decoder = newDecoder(this.name, this.#decoder.fatal);
    try {
      return decoder.decode(head, { stream: true });
    } catch (cause) {
      throw this.#malformed(head, cause);
    }
  }

  #malformed(frame: Uint8Array, cause: unknown): MalformedFrameError {
    return new MalformedFrameError(
      `Cannot decode a frame: its text is not valid ${this.name}`,
      {
        cause,
        frame: frame instanceof Uint8Array ? copyOf(frame) : frame,
        recoverable: true,
        operation: "decode",
      },
    );
  }

  /** Appends `text`, and returns how many bytes that took. */
  encode(text: string, out: ByteWriter): number {
    if (this.name === "utf-8") return out.writeText(text);
    const bytes = this.toSingleBytes(text);
    out.write(bytes);
    return bytes.length;
  }

  /** Bytes of `text` in an encoding of one byte a character. */
  toSingleBytes(text: string): Uint8Array {
    const byteOf = this.#byteOf ??= this.#singleBytes();
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) {
      const byte = byteOf.get(text[i]);
      if (byte === undefined) {
        const character = String.fromCodePoint(text.codePointAt(i)!);
        const must = `characters of ${this.name}`;
        throw outOfRange("encode text", "text", must, character);
      }
      bytes[i] = byte;
    }
    return bytes;
  }

  #singleBytes(): Map<string, number> {
    const map = new Map<string, number>();
    const decoder = newDecoder(this.name, false);
    for (let byte = 0; byte < 256; byte++) {
      const text = decoder.decode(Uint8Array.of(byte));
      if (text !== "\uFFFD") map.set(text, byte);
    }
    // Where bytes come in pairs, much of the upper half stands for nothing alone.
    if (map.size <= 192) {
      throw new TypeError(
        `Cannot encode text: encoding must be UTF-8 or have one byte a character, got ${
          show(this.name)
        }`,
      );
    }
    return map;
  }
}

/** A decoder that keeps a byte order mark: it is data, as frames are not files. */
function newDecoder(name: string, fatal: boolean): TextDecoder {
  // No other encoding has one. Told to keep it, Node 20 loses a first byte 0xff of latin1.
  return new TextDecoder(name, { fatal, ignoreBOM: name.startsWith("utf-") });
}
