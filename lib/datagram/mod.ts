/**
 * Datagrams: UDP and Unix sockets, with a queue that is bounded, typed packets, and requests
 * that are sent again until their answer comes.
 *
 * It runs on `node:dgram`, which takes no flag, and on `Deno.listenDatagram` where
 * `--unstable-net` is given, which is faster.
 *
 * @example A server, and a client that asks it
 * ```ts
 * import { connectDatagram, datagram, serveDatagrams } from "@sluice/net/datagram";
 * import { assertEquals } from "@std/assert";
 *
 * await using socket = await datagram({ port: 0 });
 * const serving = serveDatagrams(socket, ({ data }) => data.toReversed());
 *
 * await using peer = await connectDatagram({ port: socket.localAddr.port });
 * const answer = await peer.request(new Uint8Array([1, 2, 3]), {
 *   accept: (data) => data.length === 3,
 *   timeoutMs: 5_000,
 * });
 * assertEquals(answer, new Uint8Array([3, 2, 1]));
 *
 * await socket.close();
 * await serving;
 * ```
 *
 * @module
 */

export { datagram } from "./datagram.ts";
export { DatagramSocket, type PeerOptionsOf } from "./datagram_socket.ts";
export { connectDatagram, DatagramPeer } from "./datagram_peer.ts";
export {
  type DatagramSource,
  serveDatagrams,
  type ServeDatagramsOptions,
} from "./serve_datagrams.ts";
export {
  type DatagramCodec,
  PacketPeer,
  PacketSocket,
  packetsOf,
  type PacketsOfOptions,
  type PacketStats,
  type ReceivedPacket,
} from "./packets_of.ts";
export type {
  Datagram,
  DatagramAddr,
  DatagramBackend,
  DatagramBinding,
  DatagramQueueOptions,
  DatagramRequestOptions,
  DatagramSink,
  DatagramStats,
  DatagramTarget,
  DatagramTransport,
  MulticastOptions,
  UdpCarrierOptions,
  UdpOptions,
  UdpPeerOptions,
  UnixDatagramOptions,
  UnixPeerOptions,
} from "./options.ts";

// What it takes, and the limits of a call.
export type { Codec, Decoder, Encoder } from "../codec/codec.ts";
export type { Packet } from "../codec/packet.ts";
export type { Field } from "../codec/field.ts";
export type { FieldReader } from "../codec/field_reader.ts";
export { ByteQueue } from "../bytes/byte_queue.ts";
export { ByteWriter } from "../bytes/byte_writer.ts";
export type { CallOptions } from "../time/call_limits.ts";
export { Deadline, type DeadlineOptions } from "../time/deadline.ts";

// Errors, and what their fields are made of.
export type { Addr, MemoryAddr, StreamAddr } from "../addr.ts";
export {
  BrokenError,
  type BrokenReason,
  BusyError,
  ClosedError,
  LimitError,
  MalformedFrameError,
  PermissionError,
  SocketError,
  type SocketErrorCode,
  type SocketErrorOptions,
  TimeoutError,
} from "../errors.ts";
