/**
 * What codecs do about frames that are too large, and at the end of a stream.
 *
 * @module
 */

import { FrameTooLargeError, UnexpectedEofError } from "../errors.ts";
import { badOption, checkChoice, checkLimit } from "./_options.ts";
import type { SizedSettings } from "./_sized_decoder.ts";

/** Size of the largest frame unless told otherwise. */
export const DEFAULT_FRAME_BYTES: number = 1024 * 1024;

/**
 * What becomes of a frame that is larger than its limit.
 *
 * - `"fail"`: decoding throws a `FrameTooLargeError` and is over; the rest of the
 *   stream is left to its owner.
 * - `"skip"`: the frame is dropped as it arrives, without being buffered, and the
 *   next one is read. `onOversize` hears of it.
 */
export type OversizePolicy = "fail" | "skip";

/**
 * What becomes of a frame that is larger than its limit, for codecs that look for
 * a delimiter.
 *
 * - `"fail"` and `"skip"` as in {@linkcode OversizePolicy}.
 * - `"truncate"`: the frame is cut to its first bytes, as many as the limit
 *   allows, and the rest is dropped as it arrives. `onOversize` hears of it.
 */
export type DelimitedOversizePolicy = OversizePolicy | "truncate";

/**
 * What becomes of a frame whose end has not come when the stream ends.
 *
 * - `"error"`: decoding throws an `UnexpectedEofError`.
 * - `"emit"`: what arrived of the frame is handed over as the last frame.
 * - `"drop"`: what arrived is dropped and the frames end.
 */
export type EofPolicy = "error" | "emit" | "drop";

/** Options about frames that are too large. */
export interface OversizeOptions<Policy extends string = OversizePolicy> {
  /**
   * What becomes of a frame that is too large.
   *
   * @default {"fail"}
   */
  oversize?: Policy;
  /**
   * Hears of every frame that was skipped or truncated: once for each, as soon as
   * its size is known. What it throws is ignored: a hook never breaks a stream.
   */
  onOversize?: (error: FrameTooLargeError) => void;
}

/** Options about the end of the stream. */
export interface EofOptions {
  /** What becomes of a frame whose end has not come when the stream ends. */
  atEof?: EofPolicy;
}

/** Options of codecs that know the size of a frame before it comes. */
export interface SizedOptions extends OversizeOptions, EofOptions {
  /**
   * Size of the largest frame, as it is handed over. `Infinity` for no limit.
   *
   * @default {1_048_576}
   */
  maxFrameBytes?: number;
}

/** Checks {@linkcode SizedOptions} and fills in what is missing. */
export function sizedSettings(
  codec: string,
  options: SizedOptions,
): SizedSettings {
  const {
    maxFrameBytes = DEFAULT_FRAME_BYTES,
    oversize = "fail",
    onOversize,
    atEof = "error",
  } = options;
  checkLimit(codec, "maxFrameBytes", maxFrameBytes);
  checkPolicies(codec, options, ["fail", "skip"]);
  // Headers are added to sizes: leave room for them below the last safe integer.
  const most = Math.min(maxFrameBytes, Number.MAX_SAFE_INTEGER - 2 ** 33);
  return { most, oversize, onOversize, atEof };
}

/** Refuses policies that do not exist. */
export function checkPolicies(
  codec: string,
  options: OversizeOptions<DelimitedOversizePolicy> & EofOptions,
  oversizes: readonly DelimitedOversizePolicy[],
): void {
  if (options.oversize !== undefined) {
    checkChoice(codec, "oversize", options.oversize, oversizes);
  }
  if (options.atEof !== undefined) {
    checkChoice(codec, "atEof", options.atEof, ["error", "emit", "drop"]);
  }
  const hook = options.onOversize;
  if (hook !== undefined && typeof hook !== "function") {
    throw badOption(codec, "onOversize", "a function", hook);
  }
}

/** Tells the hook of a frame that is dropped or cut. */
export function reportOversize(
  hook: ((error: FrameTooLargeError) => void) | undefined,
  limit: number,
  claimed: number | bigint | undefined,
): void {
  if (hook === undefined) return;
  const error = new FrameTooLargeError(limit, claimed, {
    operation: "decode",
    skipped: true,
  });
  try {
    hook(error);
  } catch {
    // A hook that throws never breaks a stream.
  }
}

/** The stream ended inside a frame. */
export function unexpectedEof(
  received: number,
  expected: number | undefined,
): UnexpectedEofError {
  const due = expected === undefined ? "its end" : `${expected} bytes`;
  return new UnexpectedEofError(
    received,
    expected,
    `Cannot decode a frame as the stream ended before ${due} came: current size is ${received} bytes`,
    { operation: "decode" },
  );
}
