/**
 * The conformance kit for what carries datagrams.
 *
 * @module
 */

import {
  checkBoolean,
  checkFunction,
  checkInteger,
  checkNames,
  checkNumber,
  wrongKind,
} from "../_check.ts";
import { DatagramSocket } from "../datagram/datagram_socket.ts";
import { waitWithin } from "../time/call_limits.ts";
import { CHECKS } from "./_datagram_checks.ts";
import { AssertionError } from "./_decoding.ts";

/**
 * Options of {@linkcode checkDatagrams}: where carriers legitimately differ.
 *
 * @category Conformance kits
 */
export interface CheckDatagramsOptions {
  /**
   * Bytes of the largest datagram that is carried.
   *
   * @default {65_507}
   */
  maxBytes?: number | undefined;
  /**
   * Whether sending to an address where no socket is bound succeeds, as with UDP. A Unix
   * socket says that there is none.
   *
   * @default {true}
   */
  sendsToNowhere?: boolean | undefined;
  /**
   * Most milliseconds that each check may take.
   *
   * @default {10_000}
   */
  timeoutMs?: number | undefined;
}

/**
 * Makes two fresh sockets that can reach each other.
 *
 * @category Conformance kits
 */
export type MakeSockets = () =>
  | readonly [DatagramSocket, DatagramSocket]
  | Promise<readonly [DatagramSocket, DatagramSocket]>;

const ACTION = "check datagrams";

const OPTION_NAMES: ReadonlySet<string> = new Set(
  ["maxBytes", "sendsToNowhere", "timeoutMs"] satisfies (
    keyof CheckDatagramsOptions
  )[],
);

/**
 * Checks that sockets carry datagrams as `datagram` of `@sluice/net/datagram` promises,
 * whatever is below: whole and with their boundaries, empty ones and the largest, with the
 * address of their sender, in arrays that nothing else writes to; that calls which end early
 * lose nothing; and that closing ends what waits.
 *
 * For a carrier that loses or reorders datagrams by itself it is no use: let it be reliable
 * as long as it is checked. Both sockets of each pair are checked, and closed.
 *
 * @param makeSockets Makes two bound sockets, with the queue that they have by default;
 * called some twenty times.
 * @param options Where carriers differ, and limits.
 * @throws {Error} Of name `"AssertionError"`: a check failed; the message says which, and
 * `cause` holds the reason.
 * @throws {TypeError} An option is of the wrong type, or is not known.
 * @throws {RangeError} An option is out of range.
 * @category Conformance kits
 *
 * @example Check a backend of one's own
 * ```ts
 * import { datagram } from "@sluice/net/datagram";
 * import { checkDatagrams, memoryNetwork } from "@sluice/net/testing";
 *
 * using network = memoryNetwork();
 * await checkDatagrams(() =>
 *   Promise.all([
 *     datagram({ port: 0, backend: network.datagrams() }),
 *     datagram({ port: 0, backend: network.datagrams() }),
 *   ])
 * );
 * ```
 */
export async function checkDatagrams(
  makeSockets: MakeSockets,
  options: CheckDatagramsOptions = {},
): Promise<void> {
  checkFunction(ACTION, "makeSockets", makeSockets);
  checkNames(ACTION, "options", options, OPTION_NAMES);
  const { maxBytes = 65_507, sendsToNowhere = true, timeoutMs = 10_000 } =
    options;
  checkInteger(ACTION, "maxBytes", maxBytes, 1);
  checkBoolean(ACTION, "sendsToNowhere", sendsToNowhere);
  checkNumber(ACTION, "timeoutMs", timeoutMs, 1);
  for (const [name, check] of Object.entries(CHECKS)) {
    for (const turned of [false, true]) {
      const pair = await makeSockets();
      const isPair = Array.isArray(pair) && pair.length === 2 &&
        pair.every((socket) => socket instanceof DatagramSocket);
      if (!isPair) {
        const must = "an array of two sockets of datagram()";
        throw wrongKind(ACTION, "what makeSockets returns", must, pair);
      }
      const [left, right] = turned ? pair.toReversed() : pair;
      try {
        const checked = check(left, right, { maxBytes, sendsToNowhere });
        await waitWithin("check", checked, { timeoutMs });
      } catch (cause) {
        const reason = cause instanceof Error ? cause.message : String(cause);
        const end = turned ? "second" : "first";
        throw new AssertionError(
          `Cannot pass "${name}" from the ${end} socket: ${reason}`,
          { cause },
        );
      } finally {
        await closeAll(name, pair, timeoutMs);
      }
    }
  }
}

async function closeAll(
  name: string,
  sockets: readonly DatagramSocket[],
  timeoutMs: number,
): Promise<void> {
  const closing = Promise.all(sockets.map((socket) => socket.close()));
  try {
    await waitWithin("close", closing, { timeoutMs });
  } catch (cause) {
    throw new AssertionError(
      `Cannot pass "${name}": its sockets must close within ${timeoutMs} ms`,
      { cause },
    );
  }
}
