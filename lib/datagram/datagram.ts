/**
 * Opening sockets for datagrams, with one call.
 *
 * @module
 */

import { checkDatagramOptions } from "./check_options.ts";
import { open } from "./_open.ts";
import { DatagramSocket } from "./datagram_socket.ts";
import type { UdpOptions, UnixDatagramOptions } from "./options.ts";

/**
 * Opens a socket for datagrams: UDP, or a Unix socket.
 *
 * It receives from its first moment on, into a queue that is bounded: what a program does
 * not take in time is dropped, and counted. The process waits for it only while a call
 * waits.
 *
 * `hostname` is `127.0.0.1` by default; with `"0.0.0.0"` or `"::"` other machines reach it,
 * and it reaches them.
 *
 * Permissions: `--allow-net=HOST:PORT` for the address, and the same for each address that
 * it sends to, also when it answers: `--allow-net=HOST` without a port lets it answer any
 * port of that host. A Unix socket takes `--unstable-net`.
 *
 * @param options Where to receive, and how much may wait.
 * @returns The socket, once it is bound.
 * @throws {TypeError} An option is of the wrong type, or is not known.
 * @throws {RangeError} An option is out of range.
 * @throws {BrokenError} The address is in use or not this machine's; see `reason`.
 * @throws {PermissionError} Deno denies it, or a flag is missing; see `flags`.
 * @throws {unknown} The reason of `signal`, untouched.
 * @category Datagrams
 *
 * @example An echo server, and a client
 * ```ts
 * import { datagram } from "@sluice/net/datagram";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = await datagram({ port: 0 });
 * const serving = (async () => {
 *   for await (const { data, from } of server) await server.send(data, from);
 * })();
 *
 * await using client = await datagram({ port: 0 });
 * await client.send("hello", server.localAddr);
 * const answer = await client.receive({ timeoutMs: 5_000 });
 * assertEquals(new TextDecoder().decode(answer!.data), "hello");
 *
 * await server.close();
 * await serving;
 * ```
 */
export function datagram(
  options: UdpOptions,
): Promise<DatagramSocket<Deno.NetAddr>>;
/**
 * Opens a Unix socket for datagrams.
 *
 * @category Datagrams
 */
export function datagram(
  options: UnixDatagramOptions,
): Promise<DatagramSocket<Deno.UnixAddr>>;
/**
 * Opens what is known at run time only.
 *
 * @category Datagrams
 */
export function datagram(
  options: UdpOptions | UnixDatagramOptions,
): Promise<DatagramSocket>;
export async function datagram(
  given: UdpOptions | UnixDatagramOptions,
): Promise<DatagramSocket> {
  const options = checkDatagramOptions("open a datagram socket", given);
  return new DatagramSocket(await open(options), options);
}
