/**
 * Options of the conformance kit for codecs.
 *
 * @module
 */

import {
  checkBoolean,
  checkBytes,
  checkFunction,
  checkInteger,
  checkLimit,
  checkNames,
  outOfRange,
  readOptions,
  wrongKind,
} from "../_check.ts";

/**
 * Options of {@linkcode checkCodec}.
 *
 * @category Conformance kits
 */
export interface CheckCodecOptions<In, Out> {
  /**
   * What decoding the samples gives, if that is not the samples themselves.
   *
   * @default {samples}
   */
  expected?: readonly In[] | undefined;
  /**
   * Whether two frames are the same. Frames of a class with private state need it, unless
   * their `toString` tells them apart.
   *
   * @default Comparison by value.
   */
  equals?: ((received: In, expected: In) => boolean) | undefined;
  /**
   * Bytes that claim, or begin, a frame larger than the codec's limit. Decoding
   * them must end in one `FrameTooLargeError`, or report it to the codec's hook.
   */
  oversized?: Uint8Array | undefined;
  /**
   * Bytes that may wait in the decoder's queue while it asks for more: the largest
   * frame with its framing.
   *
   * @default {2_097_152}
   */
  maxBufferedBytes?: number | undefined;
  /**
   * Makes a frame of about `size` bytes. With it, cost is checked on a frame that
   * arrives a byte at a time, at 512 bytes and at 3 KiB; without it on many samples.
   */
  makeFrame?: ((size: number) => Out) | undefined;
  /**
   * Whether a frame may come out only with the bytes of the next one, or at the end of
   * the stream, as in a format whose frames end where the next one begins.
   *
   * @default {false}
   */
  delayedFrames?: boolean | undefined;
  /**
   * Whether several frames make one, as the parts of `inParts` do. Then `midFrame` may be
   * true between two samples; behind the last one it must be false.
   *
   * @default {false}
   */
  framesInParts?: boolean | undefined;
  /**
   * Chooses the random splits and the garbage.
   *
   * @default {1}
   */
  seed?: number | undefined;
}

const OPTION_NAMES: ReadonlySet<string> = new Set<
  keyof CheckCodecOptions<unknown, unknown>
>([
  "expected",
  "equals",
  "oversized",
  "maxBufferedBytes",
  "makeFrame",
  "delayedFrames",
  "framesInParts",
  "seed",
]);

const ACTION = "check a codec";

/**
 * Throws if an option is not one, naming it; `count` is the number of samples. Gives them as
 * they were checked.
 */
export function checkOptions<In, Out>(
  given: CheckCodecOptions<In, Out>,
  count: number,
): CheckCodecOptions<In, Out> {
  checkNames(ACTION, "options", given, OPTION_NAMES);
  const options = readOptions(given, OPTION_NAMES);
  const { expected, equals, oversized, makeFrame } = options;
  const { maxBufferedBytes, delayedFrames, framesInParts, seed } = options;
  if (expected !== undefined) {
    if (!Array.isArray(expected)) {
      throw wrongKind(ACTION, "expected", "an array", expected);
    }
    if (expected.length !== count) {
      const must = `an array of as many frames as there are samples (${count})`;
      throw outOfRange(ACTION, "expected", must, expected);
    }
  }
  if (equals !== undefined) checkFunction(ACTION, "equals", equals);
  if (oversized !== undefined) checkBytes(ACTION, "oversized", oversized);
  if (makeFrame !== undefined) checkFunction(ACTION, "makeFrame", makeFrame);
  if (maxBufferedBytes !== undefined) {
    checkLimit(ACTION, "maxBufferedBytes", maxBufferedBytes);
  }
  if (delayedFrames !== undefined) {
    checkBoolean(ACTION, "delayedFrames", delayedFrames);
  }
  if (framesInParts !== undefined) {
    checkBoolean(ACTION, "framesInParts", framesInParts);
  }
  if (seed !== undefined) checkInteger(ACTION, "seed", seed, -(2 ** 53 - 1));
  return options;
}
