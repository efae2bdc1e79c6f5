/**
 * Servers of datagrams: one in, one out.
 *
 * @module
 */

import {
  checkFunction,
  checkLimit,
  checkMethods,
  checkNames,
  checkSignal,
} from "../_check.ts";
import { guard } from "../_guard.ts";
import { PermissionError, SocketError } from "../errors.ts";
import type { CallOptions } from "../time/call_limits.ts";
import type { DatagramAddr, DatagramTarget } from "./options.ts";

/**
 * What datagrams are served on: a socket, or typed datagrams of it.
 *
 * @category Datagrams
 */
export interface DatagramSource<
  In,
  Out,
  A extends DatagramAddr = DatagramAddr,
> {
  /** The next one; `null` at the end. */
  receive(options?: CallOptions): Promise<In | null>;
  /** Answers. */
  send(answer: Out, to: DatagramTarget<A>): Promise<void>;
}

/**
 * Options of {@linkcode serveDatagrams}.
 *
 * @category Datagrams
 */
export interface ServeDatagramsOptions<In> {
  /**
   * Most handlers that run at a time. More datagrams wait in the queue of the socket, which
   * drops, and counts, what it has no room for. `Infinity` for no limit.
   *
   * @default {100}
   */
  maxInFlight?: number | undefined;
  /** Stops serving when it aborts; the socket stays open. None by default. */
  signal?: AbortSignal | undefined;
  /**
   * Called with what a handler threw, or why its answer could not be sent. Without it they
   * are printed with `console.error`, but for a network that did not take the answer.
   */
  onError?: ((error: unknown, received: In) => unknown) | undefined;
}

const ACTION = "serve datagrams";
const OPTION_NAMES: ReadonlySet<string> = new Set(
  ["maxInFlight", "signal", "onError"] satisfies (
    keyof ServeDatagramsOptions<never>
  )[],
);

/**
 * Answers datagrams: calls the handler with each, side by side up to a limit, and sends what
 * it returns to the sender. A handler that returns `undefined` does not answer.
 *
 * It ends with the socket, or when `signal` aborts, and never because of a datagram, a
 * handler that throws, or an answer that cannot be sent.
 *
 * An answer goes where `from` says, which the sender has chosen: a server whose answers are
 * larger than the questions helps to flood others. Answer strangers with less than they
 * sent, or limit how much goes to each.
 *
 * Cancellation: handlers that run when `signal` aborts end first, and still answer.
 *
 * @param source A socket, or what `packetsOf` made of it.
 * @param handler What to answer.
 * @param options How many at a time, and what is called with errors.
 * @returns Resolves when it has ended, and all handlers have.
 * @throws {TypeError} An option is of the wrong type, or is not known.
 * @throws {RangeError} An option is out of range.
 * @throws {BrokenError} The system does not let the socket receive any more.
 * @category Datagrams
 *
 * @example
 * ```ts
 * import { connectDatagram, datagram, serveDatagrams } from "@sluice/net/datagram";
 * import { assertEquals } from "@std/assert";
 *
 * await using socket = await datagram({ port: 0 });
 * const serving = serveDatagrams(socket, ({ data }) => data, { maxInFlight: 10 });
 *
 * await using peer = await connectDatagram({ port: socket.localAddr.port });
 * const answer = await peer.request("hello", { accept: (data) => data.length === 5 });
 * assertEquals(new TextDecoder().decode(answer), "hello");
 *
 * await socket.close();
 * await serving;
 * ```
 */
export async function serveDatagrams<
  In extends { readonly from: A },
  Out,
  A extends DatagramAddr,
>(
  source: DatagramSource<In, Out, A>,
  handler: (received: In) => Out | undefined | Promise<Out | undefined>,
  options: ServeDatagramsOptions<In> = {},
): Promise<void> {
  checkMethods(ACTION, "source", source, ["receive", "send"]);
  checkFunction(ACTION, "the handler", handler);
  checkNames(ACTION, "options", options, OPTION_NAMES);
  const { maxInFlight = 100, signal, onError } = options;
  checkLimit(ACTION, "maxInFlight", maxInFlight, 1);
  if (signal !== undefined) checkSignal(ACTION, "signal", signal);
  if (onError !== undefined) checkFunction(ACTION, "onError", onError);

  // What was thrown may throw when it is looked at.
  const report = (error: unknown, received: In): void =>
    guard(() =>
      onError === undefined ? print(error) : onError(error, received)
    );
  let inFlight = 0;
  // Not a race of all that run: one that runs for long would remember each of them.
  let ended = Promise.withResolvers<void>();
  const run = async (received: In): Promise<void> => {
    inFlight++;
    try {
      await answer(source, handler, received);
    } catch (error) {
      report(error, received);
    }
    inFlight--;
    ended.resolve();
  };
  const untilBelow = async (limit: number): Promise<void> => {
    while (inFlight >= limit) {
      ended = Promise.withResolvers();
      await ended.promise;
    }
  };

  const limits = signal === undefined ? undefined : { signal };
  try {
    while (!signal?.aborted) {
      await untilBelow(maxInFlight);
      const received = await source.receive(limits);
      if (received === null) break;
      void run(received);
    }
  } catch (error) {
    if (!signal?.aborted || error !== signal.reason) throw error;
  } finally {
    await untilBelow(1);
  }
}

async function answer<
  In extends { readonly from: A },
  Out,
  A extends DatagramAddr,
>(
  source: DatagramSource<In, Out, A>,
  handler: (received: In) => Out | undefined | Promise<Out | undefined>,
  received: In,
): Promise<void> {
  const out = await handler(received);
  if (out !== undefined) {
    await source.send(out, received.from as DatagramTarget<A>);
  }
}

/** The default of `onError`. */
function print(error: unknown): void {
  // deno-lint-ignore no-console -- as of `serve`
  if (!isNetwork(error)) console.error(error);
}

/** What a peer, or the way to it, did; or the end of the socket. */
function isNetwork(error: unknown): boolean {
  return error instanceof SocketError && !(error instanceof PermissionError);
}
