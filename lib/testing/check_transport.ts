/**
 * The conformance kit for transports.
 *
 * @module
 */

import {
  checkBoolean,
  checkFunction,
  checkNames,
  checkNumber,
  wrongKind,
} from "../_check.ts";
import { waitWithin } from "../time/call_limits.ts";
import type { Transport } from "../transport/options.ts";
import { AssertionError } from "./_decoding.ts";
import { CHECKS } from "./_transport_checks.ts";

/**
 * Options of {@linkcode checkTransport}: where transports legitimately differ.
 *
 * @category Conformance kits
 */
export interface CheckTransportOptions {
  /**
   * Whether a side that has ended its own writing still reads what its peer writes.
   *
   * @default {true}
   */
  halfClose?: boolean | undefined;
  /**
   * Whether a write waits while the peer does not read. Where it cannot, as over a
   * WebSocket, the peer may end the connection instead, and the write fail.
   *
   * @default {true}
   */
  backpressure?: boolean | undefined;
  /**
   * Bytes of the big transfer, each way.
   *
   * @default {4_194_304}
   */
  bulkBytes?: number | undefined;
  /**
   * Milliseconds after which a write counts as waiting for the peer to read.
   *
   * @default {100}
   */
  stallMs?: number | undefined;
  /**
   * Most milliseconds that each check may take.
   *
   * @default {10_000}
   */
  timeoutMs?: number | undefined;
}

const ACTION = "check a transport";

const OPTION_NAMES: ReadonlySet<string> = new Set(
  [
    "halfClose",
    "backpressure",
    "bulkBytes",
    "stallMs",
    "timeoutMs",
  ] satisfies (keyof CheckTransportOptions)[],
);

/**
 * Makes two fresh ends of one connection, ready to be used.
 *
 * @category Conformance kits
 */
export type MakePair = () =>
  | [Transport, Transport]
  | Promise<[Transport, Transport]>;

/**
 * Checks that a transport does all that a socket builds on: bytes both ways and whole,
 * partial reads and writes, backpressure, half-close, the ends of both sides, arrays
 * that are borrowed only until their promise settles, and errors that are known.
 *
 * Both ends of every pair are checked, and closed. Errors may differ between
 * transports as long as `Socket` understands them; a peer that closes without ending
 * its writing first may show as an end or as an error.
 *
 * @param makePair Makes two connected ends; called some forty times.
 * @param options Where transports differ, and limits.
 * @throws {Error} Of name `"AssertionError"`: a check failed; the message says which, and
 * `cause` holds the reason.
 * @throws {TypeError} An option is of the wrong type, or is not known.
 * @throws {RangeError} An option is below 1.
 * @category Conformance kits
 *
 * @example Check the in-memory transport
 * ```ts
 * import { checkTransport, memoryTransportPair } from "@sluice/net/testing";
 *
 * await checkTransport(() => memoryTransportPair({ seed: 1 }), { bulkBytes: 10_000 });
 * ```
 */
export async function checkTransport(
  makePair: MakePair,
  options: CheckTransportOptions = {},
): Promise<void> {
  checkFunction(ACTION, "makePair", makePair);
  checkNames(ACTION, "options", options, OPTION_NAMES);
  const {
    halfClose = true,
    backpressure = true,
    bulkBytes = 4 * 1024 * 1024,
    stallMs = 100,
    timeoutMs = 10_000,
  } = options;
  for (
    const [name, value] of Object.entries({ bulkBytes, stallMs, timeoutMs })
  ) {
    checkNumber(ACTION, name, value, 1);
  }
  checkBoolean(ACTION, "halfClose", halfClose);
  checkBoolean(ACTION, "backpressure", backpressure);
  const conditions = { halfClose, backpressure, bulkBytes, stallMs };
  for (const [name, check] of Object.entries(CHECKS)) {
    for (const turned of [false, true]) {
      const pair = await makePair();
      const isPair = Array.isArray(pair) && pair.length === 2 &&
        pair.every((end) => typeof end === "object" && end !== null);
      if (!isPair) {
        const must = "an array of two ends";
        throw wrongKind(ACTION, "what makePair returns", must, pair);
      }
      const [left, right] = turned ? pair.toReversed() : pair;
      try {
        const checked = check(left, right, conditions);
        await waitWithin("check", checked, { timeoutMs });
      } catch (cause) {
        const reason = cause instanceof Error ? cause.message : String(cause);
        const end = turned ? "second" : "first";
        throw new AssertionError(
          `Cannot pass "${name}" from the ${end} end: ${reason}`,
          { cause },
        );
      } finally {
        for (const end of pair) closeForGood(end);
      }
    }
  }
}

function closeForGood(end: Transport): void {
  try {
    end.close();
  } catch {
    // The check has closed it already.
  }
}
