/**
 * What is said of a header that is none, or too large.
 *
 * @module
 */

import { FrameTooLargeError, MalformedFrameError } from "../errors.ts";

/** What a caller was doing, in messages. */
export const DECODE = "read a PROXY header";
export const ENCODE = "encode a PROXY header";

/** It is no header, as `why` says. */
export function malformed(why: string): MalformedFrameError {
  return new MalformedFrameError(`Cannot ${DECODE}: ${why}`, {
    operation: DECODE,
  });
}

/** It is larger than `limit`; `claimed` is what it says, where it says it. */
export function tooLarge(limit: number, claimed: number | undefined): Error {
  return new FrameTooLargeError(limit, claimed, { operation: DECODE });
}
