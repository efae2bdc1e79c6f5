/**
 * Two sockets that are connected in memory: protocols are tested without a network.
 *
 * @module
 */

import { checkNames, readOptions } from "../_check.ts";
import { Socket } from "../socket/socket.ts";
import type { SocketOptions } from "../socket/options.ts";
import {
  type MemoryTransportOptions,
  memoryTransportPair,
} from "../transport/memory.ts";

/**
 * Options of {@linkcode memoryPair}: of the connection, and of both sockets.
 *
 * @category Memory
 */
export interface MemoryPairOptions extends MemoryTransportOptions {
  /** Options of both sockets. */
  socket?: SocketOptions | undefined;
}

const OPTION_NAMES: ReadonlySet<string> = new Set(
  [
    "highWaterMarkBytes",
    "seed",
    "cut",
    "names",
    "socket",
  ] satisfies (keyof MemoryPairOptions)[],
);

/**
 * Makes two sockets that are connected in memory, with real backpressure, half-close
 * and resets.
 *
 * Closing one with unread input resets the other, as TCP does. Nothing is timed and
 * no permission is needed.
 *
 * @param options Room, seed, names, and options of the sockets.
 * @returns The two sockets; what one writes the other reads.
 * @throws {TypeError} An option is of the wrong type, or is not known.
 * @throws {RangeError} An option is out of range.
 * @category Memory
 *
 * @example
 * ```ts
 * import { memoryPair } from "@sluice/net/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const [client, server] = memoryPair();
 * await client.write("ping\n");
 * assertEquals(await server.readLine(), "ping");
 * ```
 */
export function memoryPair(options: MemoryPairOptions = {}): [Socket, Socket] {
  checkNames("make a memory pair", "options", options, OPTION_NAMES);
  const { socket, ...transport } = readOptions(options, OPTION_NAMES);
  const [left, right] = memoryTransportPair(transport);
  return [new Socket(left, socket), new Socket(right, socket)];
}
