/**
 * The conformance kit for codecs.
 *
 * @module
 */

import { checkMethods, outOfRange, wrongKind } from "../_check.ts";
import type { Codec } from "../codec/codec.ts";
import { type CheckCodecOptions, checkOptions } from "./check_codec_options.ts";
import { CodecChecks } from "./_codec_checks.ts";

const ACTION = "check a codec";

/**
 * Checks that a codec keeps the contract, whatever the bytes and however they come.
 *
 * - The samples come back whole, in order and alone when their bytes arrive in one
 *   piece, a byte at a time and in random pieces; also through two decoders that
 *   take turns. A frame stays as it is while later ones arrive.
 * - Each frame is there as soon as its last byte is, without any byte of the next
 *   (unless `delayedFrames`): a decoder that holds one back, and an encoder that does,
 *   would make both sides wait for ever.
 * - Where the decoder has a `midFrame`, it is true inside a sample whose bytes were
 *   taken, and false between two.
 * - Encoding leaves alone what is in the writer already, and so does the encoder's
 *   `finish`, which is asked once, behind the samples: what it appends is not a frame.
 *   What two encoders write that take turns decodes, each by itself. A frame is left as it
 *   is, and not needed any more once it was encoded: samples of class `Uint8Array` are
 *   handed over as copies that change afterwards.
 * - A stream that ends after any byte gives the frames before that place, and then
 *   a frame or an error of class `SocketError`.
 * - Random bytes, and messages with random damage, end in the same.
 * - A decoder makes progress: it does not return frames, or errors to go on after,
 *   without taking bytes, and each call ends.
 * - While the decoder asks for more, no more than `maxBufferedBytes` wait, and the
 *   queue holds no more memory than that and the 128 KiB that the next read may fill.
 * - The cost is linear in the number of bytes. It is counted and not timed: one for each
 *   operation of the queue, and one for each byte that it looks at, copies or hands out,
 *   so a view counts as if all of it were looked at.
 *
 * Random choices depend on `seed` alone. Takes less than a second for samples of some
 * kilobytes; after two seconds it ends between two calls of the codec, and what was not
 * tried until then is not checked.
 *
 * @param codec The codec to check.
 * @param samples Frames it can encode, best of all kinds and sizes; at least one.
 * @param options What the kit cannot know.
 * @throws {Error} Of name `"AssertionError"`: the codec breaks the contract, or needs
 * more than two seconds to encode the samples and to decode them once.
 * @throws {TypeError} An argument or an option is of the wrong kind.
 * @throws {RangeError} There are no samples, or not as many expected frames.
 * @category Conformance kits
 *
 * @example
 * ```ts
 * import { delimited } from "@sluice/net/codec";
 * import { checkCodec } from "@sluice/net/testing";
 *
 * const codec = delimited({ delimiter: "\0", maxFrameBytes: 4096 });
 * checkCodec(codec, [new Uint8Array([1, 2]), new Uint8Array()], {
 *   maxBufferedBytes: 4096 + 1024,
 *   oversized: new Uint8Array(8192).fill(1),
 * });
 * ```
 */
export function checkCodec<In, Out>(
  codec: Codec<In, Out>,
  samples: readonly Out[],
  options: CheckCodecOptions<In, Out> = {},
): void {
  checkMethods(ACTION, "codec", codec, ["decoder", "encoder"]);
  if (!Array.isArray(samples)) {
    throw wrongKind(ACTION, "samples", "an array", samples);
  }
  if (samples.length === 0) {
    throw outOfRange(ACTION, "samples", "an array of at least 1", samples);
  }
  const checked = checkOptions(options, samples.length);
  new CodecChecks(codec, samples, checked).run();
}
