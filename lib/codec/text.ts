/**
 * Frames of text.
 *
 * @module
 */

import type { ByteWriter } from "../bytes/byte_writer.ts";
import type { Codec, Encoder, TextCodec } from "./codec.ts";
import { finishOf } from "./encode_frame.ts";
import { checkFrames, mappedCodec } from "./mapped.ts";
import { checkMethods, checkNames, wrongKind } from "../_check.ts";
import { TextEncoding, type TextOptions } from "./text_encoding.ts";

const OPTION_NAMES = new Set(["encoding", "fatal"]);
const utf8 = /* @__PURE__ */ new TextEncoder();
/** Text up to a third of this is encoded without an array of its own. */
const SCRATCH_BYTES = 6_144;
let scratch: Uint8Array | undefined;

/**
 * A codec whose frames are text, in the frames of `codec`. For text that ends in a
 * newline, {@linkcode lines} is faster.
 *
 * A byte order mark is kept: it is data. Decoding throws `MalformedFrameError` for
 * bad text if `fatal`, after which the next frame can be read, and what `codec`
 * throws. Encoding throws `RangeError` for characters that the encoding does not
 * have, `TypeError` for what is not a string, and what `codec` throws. In UTF-8, lone
 * surrogates become U+FFFD.
 *
 * @param codec Where frames come from and go to.
 * @param options Encoding of the text.
 * @returns A codec for any number of connections.
 * @throws {RangeError} The encoding does not exist.
 * @throws {TypeError} An argument is of the wrong kind, or an option has an unknown
 * name.
 * @category Frames and codecs
 *
 * @example
 * ```ts
 * import { ByteQueue, lengthPrefixed, text } from "@sluice/net/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = new ByteQueue();
 * bytes.append(new Uint8Array([2, 104, 105]));
 * const codec = text(lengthPrefixed({ lengthBytes: 1 }));
 * assertEquals(codec.decoder().decode(bytes), "hi");
 * ```
 */
export function text(
  codec: Codec<Uint8Array>,
  options: TextOptions = {},
): TextCodec {
  const action = "make a text codec";
  checkNames(action, "options", options, OPTION_NAMES);
  checkMethods(action, "codec", codec, ["decoder", "encoder"]);
  checkFrames(action, codec);
  const encoding = new TextEncoding(action, options);
  const { decoder } = mappedCodec(
    codec,
    (frame) => encoding.decodeFrame(frame),
    // Never called: this decodes only.
    refuse,
  );
  return {
    frameType: "text",
    decoder,
    encoder: () => new TextFrameEncoder(encoding, codec.encoder()),
  };
}

class TextFrameEncoder implements Encoder<string> {
  readonly finish: Encoder<string>["finish"];
  readonly #encoding: TextEncoding;
  readonly #inner: Encoder<Uint8Array>;

  constructor(encoding: TextEncoding, inner: Encoder<Uint8Array>) {
    this.finish = finishOf(inner);
    this.#encoding = encoding;
    this.#inner = inner;
  }

  get midFrame(): boolean | undefined {
    return this.#inner.midFrame;
  }

  encode(frame: string, out: ByteWriter): void {
    if (typeof frame !== "string") refuse(frame);
    // Returned, so that a promise of an asynchronous encoder is noticed.
    return this.#encoding.name === "utf-8"
      ? this.#encodeUtf8(frame, out)
      : this.#inner.encode(this.#encoding.toSingleBytes(frame), out);
  }

  #encodeUtf8(frame: string, out: ByteWriter): void {
    if (frame.length * 3 > SCRATCH_BYTES) {
      return this.#inner.encode(utf8.encode(frame), out);
    }
    // A new array costs three times as much as its text. It is taken while it is in use:
    // what the user's encoder does may encode other text.
    const bytes = scratch ?? new Uint8Array(SCRATCH_BYTES);
    scratch = undefined;
    try {
      const { written } = utf8.encodeInto(frame, bytes);
      return this.#inner.encode(bytes.subarray(0, written), out);
    } finally {
      // The encoder around may have transferred it: then all later text would be empty.
      if (bytes.length > 0) scratch = bytes;
    }
  }
}

function refuse(text: unknown): never {
  throw wrongKind("encode text", "text", "a string", text);
}
