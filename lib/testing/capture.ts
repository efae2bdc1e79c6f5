/**
 * What passes a socket, as a file that packet analysers open.
 *
 * @module
 */

import { checkBoolean, checkLimit, checkNames, wrongKind } from "../_check.ts";
import { type Addr, formatAddress } from "../addr.ts";
import { BusyError, ClosedError } from "../errors.ts";
import { parseIp } from "../ip.ts";
import { observed } from "../socket/observed.ts";
import {
  checkSocket,
  halvesOf,
  type Socket,
  type SocketHalves,
} from "../socket/socket.ts";
import { fileHeader, packetBlock, statisticsBlock } from "./_pcapng.ts";
import {
  MAX_PAYLOAD_BYTES,
  type PacketEnd,
  TCP,
  tcpPacket,
} from "./_tcp_packet.ts";

/**
 * Bounds of a capture, and what happens to its file.
 *
 * @category Faults
 */
export interface CaptureOptions {
  /**
   * Most bytes that may wait for the file. A packet that finds no room is left out and
   * counted: the socket never waits for the capture.
   *
   * @default {16_777_216}
   */
  maxQueuedBytes?: number | undefined;
  /**
   * Whether the stream stays open when the capture ends.
   *
   * @default {false}
   */
  preventClose?: boolean | undefined;
}

/**
 * Counters of a capture.
 *
 * @category Faults
 */
export interface CaptureStats {
  /** Packets in the file, or on their way to it; those that begin and end a connection too. */
  readonly packets: number;
  /** Packets that were left out, as the file was too slow. */
  readonly dropped: number;
}

/**
 * A capture that runs. Made by {@linkcode capture}.
 *
 * @category Faults
 */
export interface Capture extends AsyncDisposable {
  /** What it has counted so far. */
  readonly stats: CaptureStats;
  /**
   * Resolves when the file is complete: the socket, or the capture, has ended.
   *
   * @throws {unknown} What the stream failed with.
   */
  readonly finished: Promise<void>;
  /**
   * Ends the capture, and waits for the file. The socket goes on.
   *
   * @throws {unknown} What the stream failed with.
   */
  close(): Promise<void>;
}

/**
 * Writes what passes a socket from now on to a pcapng file, which Wireshark, tcpdump and
 * their like open. Bytes are those of the protocol, in the clear where the socket speaks TLS;
 * a TLS handshake itself is not in it.
 *
 * The packets are made for the file, one for each read or write of the system: the numbers
 * of TCP begin at 1, and behind an opening handshake comes what is captured, up to the end of
 * each side. The ends of a connection that has no IP addresses, over a Unix socket say, are
 * 192.0.2.1 (this side) and 192.0.2.2; the file's description has the real names.
 *
 * The socket waits for nothing of this, and does not fail by it. What does not find room is
 * left out, counted, and seen as a gap in the numbers.
 *
 * @param socket What to look at. It ends the capture when it ends or is detached.
 * @param writable Where the file goes: `file.writable`, for instance.
 * @param options Bounds of it.
 * @throws {TypeError} `socket` is not a socket, `writable` not a stream or locked, or an
 * option is wrong.
 * @throws {ClosedError} The socket has ended.
 * @throws {BusyError} It is captured already.
 * @category Faults
 *
 * @example
 * ```ts
 * import { capture, memoryPair } from "@sluice/net/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const [left, right] = memoryPair();
 * const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
 * const file = new Response(readable).bytes();
 * const captured = capture(left, writable);
 * await right.write("hello\n");
 * assertEquals(await left.readLine(), "hello");
 * await captured.close();
 * const text = new TextDecoder().decode(await file);
 * console.assert(text.includes("hello\n"));
 * // 3 of the opening handshake, the line, and the end of this side.
 * assertEquals(captured.stats, { packets: 4, dropped: 0 });
 * ```
 */
export function capture(
  socket: Socket,
  writable: WritableStream<Uint8Array>,
  options: CaptureOptions = {},
): Capture {
  const action = "capture";
  checkSocket(action, "socket", socket);
  if (!(writable instanceof WritableStream)) {
    throw wrongKind(action, "writable", "a WritableStream", writable);
  }
  if (writable.locked) {
    const must = "a stream that is not locked";
    throw wrongKind(action, "writable", must, writable);
  }
  checkNames(action, "options", options, OPTION_NAMES);
  const { maxQueuedBytes = 16_777_216, preventClose = false } = options;
  checkLimit(action, "maxQueuedBytes", maxQueuedBytes, 1);
  checkBoolean(action, "preventClose", preventClose);
  const halves = halvesOf(socket);
  if (!halves.isOpen) {
    throw new ClosedError(`Cannot ${action}: the socket has ended`, {
      operation: action,
    });
  }
  if (halves.tap !== undefined) {
    throw new BusyError(`Cannot ${action}: the socket is captured already`, {
      operation: action,
    });
  }
  return new SocketCapture(
    socket,
    new FileQueue(writable, {
      maxQueuedBytes,
      preventClose,
    }),
  );
}

const OPTION_NAMES: ReadonlySet<string> = new Set(
  ["maxQueuedBytes", "preventClose"] satisfies (keyof CaptureOptions)[],
);

type Tap = NonNullable<SocketHalves["tap"]>;

const NOTHING = new Uint8Array();

/** One side of the connection, as the packets have it. */
interface Side {
  readonly end: PacketEnd;
  readonly direction: "received" | "sent";
  /** The number of its next byte. */
  seq: number;
  ended: boolean;
}

class SocketCapture implements Capture, Tap {
  readonly #socket: Socket;
  readonly #file: FileQueue;
  readonly #own: Side;
  readonly #peer: Side;
  /** What the transport was last asked to write. */
  #transmitted: Uint8Array | undefined;

  constructor(socket: Socket, file: FileQueue) {
    this.#socket = socket;
    this.#file = file;
    const { localAddr, remoteAddr } = socket;
    const [own, peer] = packetEnds(localAddr, remoteAddr);
    this.#own = { end: own, direction: "sent", seq: 0, ended: false };
    this.#peer = { end: peer, direction: "received", seq: 0, ended: false };
    file.add(fileHeader(
      `${formatAddress(localAddr)} to ${formatAddress(remoteAddr)}`,
    ));
    this.#open();
    halvesOf(socket).tap = this;
    socket.closed.then(() => this.#onSocketEnd());
  }

  get stats(): CaptureStats {
    const { packets, dropped } = this.#file;
    return { packets, dropped };
  }

  get finished(): Promise<void> {
    return this.#file.finished;
  }

  close(): Promise<void> {
    const halves = halvesOf(this.#socket);
    if (halves.tap === this) halves.tap = undefined;
    this.#file.end();
    return this.finished;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  // ---- what passes ----------------------------------------------------------

  onRead(bytes: Uint8Array | null): void {
    if (bytes === null) this.#end(this.#peer, this.#own);
    else this.#data(this.#peer, this.#own, bytes);
  }

  onTransmit(bytes: Uint8Array): void {
    this.#transmitted = bytes;
  }

  onSent(count: number): void {
    const bytes = this.#transmitted;
    // It was under way when the capture began.
    if (bytes === undefined) return;
    this.#transmitted = undefined;
    if (bytes.length < count) this.#lose(this.#own, count);
    else this.#data(this.#own, this.#peer, bytes.subarray(0, count));
  }

  onWriteEnd(): void {
    this.#end(this.#own, this.#peer);
  }

  #onSocketEnd(): void {
    if (halvesOf(this.#socket).tap !== this) return;
    const { reason } = this.#socket.signal;
    if (reason instanceof ClosedError) this.#end(this.#own, this.#peer);
    else this.#packet(this.#own, this.#peer, TCP.rst | TCP.ack, NOTHING);
    void observed(this.close());
  }

  // ---- packets --------------------------------------------------------------

  /** As if this side had connected. */
  #open(): void {
    this.#packet(this.#own, this.#peer, TCP.syn, NOTHING);
    this.#own.seq = 1;
    this.#packet(this.#peer, this.#own, TCP.syn | TCP.ack, NOTHING);
    this.#peer.seq = 1;
    this.#packet(this.#own, this.#peer, TCP.ack, NOTHING);
  }

  #data(from: Side, to: Side, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += MAX_PAYLOAD_BYTES) {
      const payload = bytes.subarray(at, at + MAX_PAYLOAD_BYTES);
      this.#packet(from, to, TCP.psh | TCP.ack, payload);
      from.seq = (from.seq + payload.length) >>> 0;
    }
  }

  /** The caller has transferred or shrunk an array while it was written. */
  #lose(from: Side, count: number): void {
    this.#file.dropped++;
    from.seq = (from.seq + count) >>> 0;
  }

  #end(from: Side, to: Side): void {
    if (from.ended) return;
    from.ended = true;
    this.#packet(from, to, TCP.fin | TCP.ack, NOTHING);
    from.seq = (from.seq + 1) >>> 0;
  }

  #packet(from: Side, to: Side, flags: number, payload: Uint8Array): void {
    const file = this.#file;
    if (!file.hasRoomFor(payload.length)) {
      file.dropped++;
      return;
    }
    const numbers = { seq: from.seq, ack: to.seq, flags };
    const packet = tcpPacket(from.end, to.end, numbers, payload);
    file.packets++;
    file.add(packetBlock(packet, Date.now(), from.direction));
  }
}

/** Blocks on their way to the file, which must not hold anything up. */
class FileQueue {
  packets = 0;
  dropped = 0;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #maxBytes: number;
  readonly #preventClose: boolean;
  readonly #finished = Promise.withResolvers<void>();
  readonly finished: Promise<void> = observed(this.#finished.promise);
  #blocks: Uint8Array[] = [];
  #bytes = 0;
  #isWriting = false;
  #isEnding = false;

  constructor(
    writable: WritableStream<Uint8Array>,
    { maxQueuedBytes, preventClose }: Required<CaptureOptions>,
  ) {
    this.#writer = writable.getWriter();
    this.#maxBytes = maxQueuedBytes;
    this.#preventClose = preventClose;
  }

  hasRoomFor(bytes: number): boolean {
    return !this.#isEnding && this.#bytes + bytes <= this.#maxBytes;
  }

  add(block: Uint8Array): void {
    this.#blocks.push(block);
    this.#bytes += block.length;
    if (!this.#isWriting) void this.#write();
  }

  /** Nothing more comes. */
  end(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.add(statisticsBlock(Date.now(), this.packets, this.dropped));
  }

  async #write(): Promise<void> {
    this.#isWriting = true;
    try {
      while (this.#blocks.length > 0) {
        const blocks = this.#blocks;
        this.#blocks = [];
        for (const block of blocks) {
          await this.#writer.write(block);
          this.#bytes -= block.length;
        }
      }
      if (this.#isEnding) await this.#close();
    } catch (error) {
      this.#isEnding = true;
      this.#blocks = [];
      this.#finished.reject(error);
    }
    this.#isWriting = false;
  }

  async #close(): Promise<void> {
    if (this.#preventClose) this.#writer.releaseLock();
    else await this.#writer.close();
    this.#finished.resolve();
  }
}

/** Addresses for documentation (RFC 5737), where there are none. */
const OWN = Uint8Array.of(192, 0, 2, 1);
const PEER = Uint8Array.of(192, 0, 2, 2);
const MAPPED = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255);

function packetEnds(own: Addr, peer: Addr): [PacketEnd, PacketEnd] {
  const ends = [endOf(own), endOf(peer)];
  if (ends[0] === undefined || ends[1] === undefined) {
    return [{ address: OWN, port: 1 }, { address: PEER, port: 2 }];
  }
  const [a, b] = ends as [PacketEnd, PacketEnd];
  if (a.address.length === b.address.length) return [a, b];
  return [toIpv6(a), toIpv6(b)];
}

function endOf(addr: Addr): PacketEnd | undefined {
  if (!("hostname" in addr)) return undefined;
  const address = parseIp(addr.hostname);
  return address && { address, port: addr.port };
}

function toIpv6({ address, port }: PacketEnd): PacketEnd {
  if (address.length === 16) return { address, port };
  return { address: Uint8Array.of(...MAPPED, ...address), port };
}
