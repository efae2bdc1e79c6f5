/**
 * Typed datagrams: a packet or a frame in each.
 *
 * @module
 */

import {
  checkFunction,
  checkMethods,
  checkNames,
  wrongKind,
} from "../_check.ts";
import type { Codec } from "../codec/codec.ts";
import type { Packet } from "../codec/packet.ts";
import type { CallOptions } from "../time/call_limits.ts";
import { startLimits } from "../time/call_limits.ts";
import { type DatagramFormat, formatOf } from "./_datagram_format.ts";
import { iterate } from "./_iterate.ts";
import { MalformedCounter } from "./_malformed_counter.ts";
import { checkRequest, DatagramPeer } from "./datagram_peer.ts";
import { DatagramSocket } from "./datagram_socket.ts";
import type {
  Datagram,
  DatagramAddr,
  DatagramRequestOptions,
  DatagramStats,
  DatagramTarget,
} from "./options.ts";

/**
 * A typed datagram that has arrived.
 *
 * @category Datagrams
 */
export interface ReceivedPacket<In, A extends DatagramAddr = DatagramAddr> {
  /** What it says. Fields of bytes are views of the datagram, which is yours. */
  readonly frame: In;
  /** Who has sent it: see `from` of {@linkcode Datagram}. */
  readonly from: A;
}

/**
 * Options of {@linkcode packetsOf}.
 *
 * @category Datagrams
 */
export interface PacketsOfOptions<A extends DatagramAddr = DatagramAddr> {
  /**
   * Called with each datagram that is malformed, and why. It is counted and skipped in any
   * case. What this throws is printed.
   */
  onMalformed?: ((error: Error, datagram: Datagram<A>) => unknown) | undefined;
}

/**
 * What typed datagrams have carried.
 *
 * @category Datagrams
 */
export interface PacketStats extends DatagramStats {
  /** Datagrams that were received and are not what they should be. */
  readonly malformed: number;
}

/**
 * What the frames of a datagram are made by: a `struct`, a `union`, or a codec.
 *
 * @category Datagrams
 */
export type DatagramCodec<In, Out = In> = Packet<In, Out> | Codec<In, Out>;

/**
 * Typed datagrams of a peer. Made by {@linkcode packetsOf}.
 *
 * @category Datagrams
 *
 * @example A question and its answer
 * ```ts
 * import { struct, u16, u8 } from "@sluice/net/codec";
 * import { connectDatagram, datagram, packetsOf, serveDatagrams } from "@sluice/net/datagram";
 * import { assertEquals } from "@std/assert";
 *
 * const sum = struct({ id: u16, a: u8, b: u8 });
 * await using server = await datagram({ port: 0 });
 * const serving = serveDatagrams(packetsOf(server, sum), ({ frame }) =>
 *   ({ id: frame.id, a: frame.a + frame.b, b: 0 }));
 *
 * await using peer = await connectDatagram({ port: server.localAddr.port });
 * const answer = await packetsOf(peer, sum).request({ id: 7, a: 1, b: 2 }, {
 *   accept: ({ id }) => id === 7,
 * });
 * assertEquals(answer.a, 3);
 *
 * await server.close();
 * await serving;
 * ```
 */
export class PacketPeer<In, Out = In, A extends DatagramAddr = DatagramAddr>
  implements AsyncIterable<ReceivedPacket<In, A>> {
  readonly #peer: DatagramPeer<A>;
  readonly #format: DatagramFormat<In, Out>;
  readonly #malformed: MalformedCounter<A>;

  /** Use {@linkcode packetsOf}. */
  constructor(
    peer: DatagramPeer<A>,
    format: DatagramFormat<In, Out>,
    options: PacketsOfOptions<A>,
  ) {
    this.#peer = peer;
    this.#format = format;
    this.#malformed = new MalformedCounter(options.onMalformed);
  }

  /** What carries the datagrams. Close this. */
  get peer(): DatagramPeer<A> {
    return this.#peer;
  }

  /** What was carried, up to now. */
  get stats(): PacketStats {
    return { ...this.#peer.stats, malformed: this.#malformed.count };
  }

  /**
   * The next packet that is well-formed: as {@linkcode DatagramPeer.receive}.
   *
   * @throws {unknown} As of {@linkcode DatagramPeer.receive}.
   */
  receive(options?: CallOptions): Promise<ReceivedPacket<In, A> | null> {
    return receivePacket(this.#peer, this.#format, this.#malformed, options);
  }

  /** Packets as they come, until the peer is closed. */
  [Symbol.asyncIterator](): AsyncIterator<ReceivedPacket<In, A>> {
    return iterate(this);
  }

  /**
   * Sends a packet: as `send` of the peer.
   *
   * @throws {unknown} What encoding throws, or `send` of the peer.
   */
  async send(frame: Out, options?: CallOptions): Promise<void> {
    await this.#peer.send(this.#format.encode(frame), options);
  }

  /**
   * Sends a packet and waits for its answer: as `request` of the peer. A malformed answer
   * is counted, and not taken for one.
   *
   * @param query What to send.
   * @param options What the answer is, and limits.
   * @throws {unknown} What encoding throws, or `request` of the peer.
   */
  async request(
    query: Out,
    options: DatagramRequestOptions<In>,
  ): Promise<In> {
    const { accept, ...limits } = checkRequest(options);
    let answer: { frame: In } | undefined;
    await this.#peer.request(this.#format.encode(query), {
      ...limits,
      accept: (data) => {
        const decoded = this.#decodeAnswer(data);
        if (decoded === undefined) return false;
        const isAnswer = accept(decoded.frame);
        if (isAnswer === true) answer = decoded;
        return isAnswer;
      },
    });
    return answer!.frame;
  }

  /** Several requests may look at the same datagram, which is decoded, and counted, once. */
  #decodeAnswer(data: Uint8Array<ArrayBuffer>): { frame: In } | undefined {
    const last = this.#lastAnswer;
    if (last?.data === data) return last.decoded;
    const from = this.#peer.remoteAddr;
    const decoded = decode({ data, from }, this.#format, this.#malformed);
    this.#lastAnswer = { data, decoded };
    // Not kept for longer than this turn.
    queueMicrotask(() => this.#lastAnswer = undefined);
    return decoded;
  }
  #lastAnswer:
    | { data: Uint8Array; decoded: { frame: In } | undefined }
    | undefined;
}

/**
 * Typed datagrams of a socket. Made by {@linkcode packetsOf}.
 *
 * @category Datagrams
 */
export class PacketSocket<In, Out = In, A extends DatagramAddr = DatagramAddr>
  implements AsyncIterable<ReceivedPacket<In, A>> {
  readonly #socket: DatagramSocket<A>;
  readonly #format: DatagramFormat<In, Out>;
  readonly #malformed: MalformedCounter<A>;

  /** Use {@linkcode packetsOf}. */
  constructor(
    socket: DatagramSocket<A>,
    format: DatagramFormat<In, Out>,
    options: PacketsOfOptions<A>,
  ) {
    this.#socket = socket;
    this.#format = format;
    this.#malformed = new MalformedCounter(options.onMalformed);
  }

  /** What carries the datagrams. Close this. */
  get socket(): DatagramSocket<A> {
    return this.#socket;
  }

  /** What was carried, up to now. */
  get stats(): PacketStats {
    return { ...this.#socket.stats, malformed: this.#malformed.count };
  }

  /**
   * The next packet that is well-formed: as {@linkcode DatagramSocket.receive}.
   *
   * @throws {unknown} As of {@linkcode DatagramSocket.receive}.
   */
  receive(options?: CallOptions): Promise<ReceivedPacket<In, A> | null> {
    return receivePacket(this.#socket, this.#format, this.#malformed, options);
  }

  /** Packets as they come, until the socket is closed. */
  [Symbol.asyncIterator](): AsyncIterator<ReceivedPacket<In, A>> {
    return iterate(this);
  }

  /**
   * Sends a packet: as `send` of the socket.
   *
   * @throws {unknown} What encoding throws, or `send` of the socket.
   */
  async send(
    frame: Out,
    to: DatagramTarget<A>,
    options?: CallOptions,
  ): Promise<void> {
    await this.#socket.send(this.#format.encode(frame), to, options);
  }
}

/**
 * Typed datagrams: each is exactly one packet, or one frame of a codec.
 *
 * A datagram that is malformed is counted (`stats.malformed`) and skipped, whatever is wrong
 * with it: it is too short, it goes on behind its packet, a field is not what it must be.
 * It never ends anything, as any stranger can send one.
 *
 * Each datagram stands for itself: a codec is asked for a new decoder and a new encoder for
 * each. A `struct` or a `union` as such takes no frame around it: in a datagram nothing has
 * to say where it ends. On TCP the same one goes into `packets(packet, codec)`.
 *
 * @param socket A socket for any number of peers, or a peer.
 * @param packet A `struct` or a `union`, or a codec.
 * @param options What is called with malformed datagrams.
 * @returns Packets in place of bytes. Closing is left to the socket.
 * @throws {TypeError} `socket` is none, `packet` is neither a packet nor a codec, or an
 * option is not known.
 * @category Datagrams
 *
 * @example
 * ```ts
 * import { struct, u16, utf8 } from "@sluice/net/codec";
 * import { datagram, packetsOf } from "@sluice/net/datagram";
 * import { assertEquals } from "@std/assert";
 *
 * await using socket = await datagram({ port: 0 });
 * const greetings = packetsOf(socket, struct({ id: u16, text: utf8(u16) }));
 * await socket.send("?", socket.localAddr);
 * await greetings.send({ id: 1, text: "hello" }, socket.localAddr);
 * for await (const { frame, from } of greetings) {
 *   assertEquals([frame.text, from.port], ["hello", socket.localAddr.port]);
 *   break;
 * }
 * assertEquals(greetings.stats.malformed, 1);
 * ```
 */
export function packetsOf<In, Out, A extends DatagramAddr>(
  socket: DatagramSocket<A>,
  packet: DatagramCodec<In, Out>,
  options?: PacketsOfOptions<A>,
): PacketSocket<In, Out, A>;
/**
 * Typed datagrams of one peer.
 *
 * @category Datagrams
 */
export function packetsOf<In, Out, A extends DatagramAddr>(
  peer: DatagramPeer<A>,
  packet: DatagramCodec<In, Out>,
  options?: PacketsOfOptions<A>,
): PacketPeer<In, Out, A>;
export function packetsOf<In, Out, A extends DatagramAddr>(
  socket: DatagramSocket<A> | DatagramPeer<A>,
  packet: DatagramCodec<In, Out>,
  options: PacketsOfOptions<A> = {},
): PacketSocket<In, Out, A> | PacketPeer<In, Out, A> {
  checkNames(ACTION, "options", options, OPTION_NAMES);
  const { onMalformed } = options;
  if (onMalformed !== undefined) {
    checkFunction(ACTION, "onMalformed", onMalformed);
  }
  checkMethods(ACTION, "packet", packet, methodsOf(packet));
  const format = formatOf(packet);
  if (socket instanceof DatagramPeer) {
    return new PacketPeer(socket, format, options);
  }
  if (socket instanceof DatagramSocket) {
    return new PacketSocket(socket, format, options);
  }
  throw wrongKind(
    ACTION,
    "socket",
    "a DatagramSocket or a DatagramPeer",
    socket,
  );
}

const ACTION = "make typed datagrams";
const OPTION_NAMES: ReadonlySet<string> = new Set(
  ["onMalformed"] satisfies (keyof PacketsOfOptions)[],
);

function methodsOf(packet: unknown): string[] {
  return "decoder" in Object(packet)
    ? ["decoder", "encoder"]
    : ["decode", "encode"];
}

/** Malformed ones are skipped within the limits of one call. */
async function receivePacket<In, A extends DatagramAddr>(
  source: DatagramSocket<A> | DatagramPeer<A>,
  format: DatagramFormat<In, never>,
  malformed: MalformedCounter<A>,
  options: CallOptions | undefined,
): Promise<ReceivedPacket<In, A> | null> {
  const limits = startLimits("receive", options);
  for (;;) {
    const datagram = await source.receive(limits);
    if (datagram === null) return null;
    const decoded = decode(datagram, format, malformed);
    if (decoded !== undefined) {
      return { frame: decoded.frame, from: datagram.from };
    }
  }
}

function decode<In, A extends DatagramAddr>(
  datagram: Datagram<A>,
  format: DatagramFormat<In, never>,
  malformed: MalformedCounter<A>,
): { frame: In } | undefined {
  try {
    return { frame: format.decode(datagram.data) };
  } catch (error) {
    malformed.add(error, datagram);
    return undefined;
  }
}
