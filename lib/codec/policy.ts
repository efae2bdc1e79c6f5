/**
 * What codecs do about frames that are too large, and at the end of a stream.
 *
 * @module
 */

import { checkFunction, checkLimit, checkOneOf } from "../_check.ts";
import { guard } from "../_guard.ts";
import { FrameTooLargeError, UnexpectedEofError } from "../errors.ts";

/** Size of the largest frame unless told otherwise. */
export const DEFAULT_FRAME_BYTES: number = 1_048_576;

/**
 * What happens to a frame that is larger than its limit.
 *
 * - `"fail"`: decoding throws a `FrameTooLargeError` and ends; the rest of the
 *   stream is not read.
 * - `"skip"`: the frame is dropped as it arrives, without being buffered, and the
 *   next one is read. `onOversize` is called.
 *
 * @category Frames and codecs
 */
export type OversizePolicy = "fail" | "skip";

/**
 * What happens to a frame that is larger than its limit, for codecs that look for
 * a delimiter.
 *
 * - `"fail"` and `"skip"` as in {@linkcode OversizePolicy}.
 * - `"truncate"`: the frame is cut to its first bytes, as many as the limit
 *   allows, and the rest is dropped as it arrives. `onOversize` is called.
 *
 * @category Frames and codecs
 */
export type DelimitedOversizePolicy = OversizePolicy | "truncate";

/**
 * What happens to a frame whose end has not come when the stream ends.
 *
 * - `"error"`: decoding throws an `UnexpectedEofError`.
 * - `"emit"`: what arrived of the frame is handed over as the last frame; nothing is
 *   where the stream ends before the frame has begun, in its header.
 * - `"drop"`: what arrived is dropped and the frames end.
 *
 * @category Frames and codecs
 */
export type EofPolicy = "error" | "emit" | "drop";

/**
 * Options about frames that are too large.
 *
 * @category Frames and codecs
 */
export interface OversizeOptions<Policy extends string = OversizePolicy> {
  /**
   * What happens to a frame that is too large.
   *
   * @default {"fail"}
   */
  oversize?: Policy | undefined;
  /**
   * Called for every frame that is skipped or truncated: once for each, as soon as
   * its size is known. When it throws, or returns a promise that rejects, the error is
   * printed: a hook never breaks a stream.
   */
  onOversize?: ((error: FrameTooLargeError) => void) | undefined;
}

/**
 * Options about the end of the stream.
 *
 * @category Frames and codecs
 */
export interface EofOptions {
  /**
   * What happens to a frame whose end has not come when the stream ends.
   *
   * @default {"error"}, {"emit"} for lines
   */
  atEof?: EofPolicy | undefined;
}

/**
 * Options of codecs that know the size of a frame before it comes.
 *
 * @category Frames and codecs
 */
export interface SizedOptions extends OversizeOptions, EofOptions {
  /**
   * Size of the largest frame, as it is handed over. `Infinity` for no limit.
   *
   * @default {1_048_576}
   */
  maxFrameBytes?: number | undefined;
}

/** Names of {@linkcode SizedOptions}, and of a codec's own. */
export function sizedOptionNames(...own: string[]): ReadonlySet<string> {
  return new Set(["maxFrameBytes", "oversize", "onOversize", "atEof", ...own]);
}

/** {@linkcode SizedOptions}, checked and complete. */
export interface SizedSettings {
  /** Size of the largest frame. */
  readonly most: number;
  readonly oversize: OversizePolicy;
  readonly onOversize: OversizeOptions["onOversize"];
  readonly atEof: EofPolicy;
}

/**
 * Checks {@linkcode SizedOptions} and fills in what is missing.
 *
 * @param action For error texts, for instance `"make a netstring codec"`.
 * @param options The options.
 */
export function sizedSettings(
  action: string,
  options: SizedOptions,
): SizedSettings {
  const {
    maxFrameBytes = DEFAULT_FRAME_BYTES,
    oversize = "fail",
    onOversize,
    atEof = "error",
  } = options;
  checkLimit(action, "maxFrameBytes", maxFrameBytes);
  checkOversize(action, oversize, onOversize, ["fail", "skip"]);
  checkEof(action, atEof);
  // Headers are added to sizes: leave room for them below the last safe integer.
  const most = Math.min(maxFrameBytes, Number.MAX_SAFE_INTEGER - 2 ** 33);
  return { most, oversize, onOversize, atEof };
}

/** Refuses what is none of `policies`, and a hook that cannot be called. */
export function checkOversize(
  action: string,
  oversize: unknown,
  onOversize: unknown,
  policies: readonly DelimitedOversizePolicy[],
): void {
  checkOneOf(action, "oversize", oversize, policies);
  if (onOversize !== undefined) checkFunction(action, "onOversize", onOversize);
}

/** Refuses what is no {@linkcode EofPolicy}. */
export function checkEof(action: string, atEof: unknown): void {
  checkOneOf(action, "atEof", atEof, ["error", "emit", "drop"]);
}

/** Calls the hook for a frame that is dropped or cut. */
export function reportOversize(
  hook: OversizeOptions["onOversize"],
  limit: number,
  claimed: number | bigint | undefined,
): void {
  if (hook === undefined) return;
  const error = new FrameTooLargeError(limit, claimed, {
    operation: "decode",
    skipped: true,
  });
  guard(() => hook(error));
}

/** The stream ended inside a frame. */
export function unexpectedEof(
  received: number,
  expected: number | undefined,
): UnexpectedEofError {
  const where = expected === undefined
    ? `inside it, after ${received} bytes`
    : `after ${received} of its ${expected} bytes`;
  return new UnexpectedEofError(
    received,
    expected,
    `Cannot decode a frame: the stream ended ${where}`,
    { operation: "decode" },
  );
}
