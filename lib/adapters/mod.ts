/**
 * Sockets over what is no socket: streams, WebSockets and streams of Node.
 *
 * Each adapter makes a `Transport`, so that everything of this library runs over it: a
 * `Socket` with its limits, `framed`, TLS by `startTls`. What a carrier cannot do is said
 * where the adapter is.
 *
 * @example A subprocess that speaks in frames
 * ```ts
 * import { framed, lines, Socket } from "@sluice/net";
 * import { fromStreams } from "@sluice/net/adapters";
 * import { assertEquals } from "@std/assert";
 *
 * const child = new Deno.Command(Deno.execPath(), {
 *   args: ["eval", "Deno.stdin.readable.pipeTo(Deno.stdout.writable)"],
 *   stdin: "piped",
 *   stdout: "piped",
 * }).spawn();
 * const streams = { readable: child.stdout, writable: child.stdin };
 * await using socket = new Socket(fromStreams(streams));
 * const connection = framed(socket, lines());
 * await connection.send("hello");
 * assertEquals(await connection.receive(), "hello");
 * await socket.close();
 * await child.status;
 * ```
 *
 * @module
 */

export type { AdaptedTransport, AddressOptions } from "./adapted_transport.ts";
export { fromDuplex, type FromDuplexOptions } from "./from_duplex.ts";
export {
  fromStreams,
  type FromStreamsOptions,
  type StreamPair,
} from "./from_streams.ts";
export {
  type SocketDuplex,
  toDuplex,
  type ToDuplexOptions,
} from "./to_duplex.ts";
export { fromWebSocket, type FromWebSocketOptions } from "./from_web_socket.ts";

// What a transport is, and where its ends are.
export type { Transport } from "../transport/options.ts";
export type { Addr, MemoryAddr, StreamAddr } from "../addr.ts";
