/**
 * A connection over UDP: packets that are events arrive all of them, once and in order;
 * packets that are state arrive if they can, and never after a newer one of their type.
 *
 * Every datagram carries all events that are not acknowledged yet, so that what was lost
 * comes with the next one. A loss holds back no state.
 *
 * @module
 */

import {
  type Addr,
  BrokenError,
  type CallOptions,
  ClosedError,
  type SocketError,
  withTimeout,
} from "@sluice/net";
import type { Packet } from "@sluice/net/datagram";
import { datagramPacket, type DataPacket } from "./datagram_packets.ts";

/** Until events are sent again, if nothing else is sent before. */
const RESEND_MS = 150;
/** Until events are acknowledged, if nothing else is sent before. */
const ACKNOWLEDGE_MS = 50;
/** Events that wait to be acknowledged, and packets that wait to be received. */
const MOST_EVENTS = 64;
/** More would not go through every network in one piece. */
const MAX_DATAGRAM_BYTES = 1_200;
/** What a datagram has beside its events and its state, and an event beside its bytes. */
const HEADER_BYTES = 24;
const EVENT_HEADER_BYTES = 2;
/** Longest that the end of a connection waits for the other side to know of it. */
const CLOSE_MS = 500;

/** What one side sends, and what it gets. */
export interface DatagramProtocol<In, Out> {
  /** How what comes is decoded. */
  incoming: Pick<Packet<In, never>, "decode">;
  /** How what goes is encoded. */
  outgoing: { encode(packet: Out): Uint8Array };
  /** The type of a packet that is state, and is replaced by the next one of its type. */
  isState(type: string): boolean;
}

/** Where a connection leads. */
export interface DatagramConnectionOptions<In, Out> {
  id: Uint8Array;
  remoteAddr: Addr;
  protocol: DatagramProtocol<In, Out>;
  /** Sends a datagram. */
  transmit(data: Uint8Array): Promise<void>;
  /** It has ended: nothing that comes is for it any more. */
  onEnd(): void;
}

interface Event {
  bytes: Uint8Array;
}

/** One side of a connection over UDP. */
export class DatagramConnection<
  In extends { type: string },
  Out extends { type: string },
> implements AsyncDisposable {
  readonly #options: DatagramConnectionOptions<In, Out>;
  /** Events that are not acknowledged; the first has the number `#first`. */
  #unacknowledged: Event[] = [];
  #first = 1;
  /** The last event that has come in order. */
  #acked = 0;
  #sequence = 0;
  /** The last state of each type. */
  readonly #seen = new Map<string, number>();
  readonly #inbox: In[] = [];
  /** The other side has ended in good order. */
  #hasEnded = false;
  #failure: SocketError | undefined;
  #closing: Promise<void> | undefined;
  #change = Promise.withResolvers<void>();
  #resendTimer: ReturnType<typeof setTimeout> | undefined;
  #acknowledgeTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: DatagramConnectionOptions<In, Out>) {
    this.#options = options;
  }

  get remoteAddr(): Addr {
    return this.#options.remoteAddr;
  }

  /** Sends a packet. It resolves when it was sent once. */
  async send(packet: Out, _limits?: CallOptions): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const { protocol } = this.#options;
    const bytes = protocol.outgoing.encode(packet);
    if (protocol.isState(packet.type)) await this.#transmit(bytes);
    else await this.#sendEvent(bytes);
  }

  async #sendEvent(bytes: Uint8Array): Promise<void> {
    if (this.#unacknowledged.length >= MOST_EVENTS) {
      this.abort(
        new BrokenError(
          "unreachable",
          `Cannot send: ${MOST_EVENTS} events are not acknowledged`,
        ),
      );
      throw this.#failure!;
    }
    this.#unacknowledged.push({ bytes });
    await this.#transmit();
  }

  /** The next packet; `null` when the other side has ended. */
  async receive(
    { signal, timeoutMs = Infinity }: CallOptions = {},
  ): Promise<In | null> {
    return await withTimeout(timeoutMs, async (signal) => {
      while (!signal.aborted) {
        const packet = this.#inbox.shift();
        if (packet !== undefined) return packet;
        if (this.#failure !== undefined) throw this.#failure;
        if (this.#hasEnded) return null;
        await this.#change.promise;
      }
      return null; // The limit was there first, and is what the call ends with.
    }, signal && { signal });
  }

  /** Takes a datagram of the other side. */
  take({ acked, first, events, sequence, state }: DataPacket): void {
    if (this.#failure !== undefined) return;
    const { length } = this.#unacknowledged;
    const done = acked - this.#first + 1;
    if (done > 0 && done <= length) {
      this.#unacknowledged.splice(0, done);
      this.#first += done;
      if (this.#unacknowledged.length === 0) clearTimeout(this.#resendTimer);
    }
    try {
      for (const [i, { bytes }] of events.entries()) {
        if (first + i === this.#acked + 1) this.#takeEvent(bytes);
      }
      if (state.length > 0) this.#takeState(sequence, state);
    } catch (error) {
      // The other side alone knows the id: it speaks another protocol.
      this.abort(error as SocketError);
    }
    if (events.length > 0 && this.#failure === undefined) {
      this.#acknowledgeSoon();
    }
    this.#wake();
  }

  #takeEvent(bytes: Uint8Array): void {
    if (this.#hasEnded || this.#inbox.length >= 2 * MOST_EVENTS) return;
    this.#acked++;
    if (bytes.length === 0) this.#hasEnded = true;
    else this.#inbox.push(this.#options.protocol.incoming.decode(bytes));
  }

  #takeState(sequence: number, bytes: Uint8Array): void {
    const packet = this.#options.protocol.incoming.decode(bytes);
    const { type } = packet;
    if (!this.#options.protocol.isState(type)) return;
    if (sequence <= (this.#seen.get(type) ?? 0)) return;
    this.#seen.set(type, sequence);
    const older = this.#inbox.findIndex((each) => each.type === type);
    if (older >= 0) this.#inbox.splice(older, 1);
    this.#inbox.push(packet);
  }

  #acknowledgeSoon(): void {
    this.#acknowledgeTimer ??= setTimeout(
      () => void this.#transmit().catch(() => {}),
      ACKNOWLEDGE_MS,
    );
  }

  async #transmit(state: Uint8Array = new Uint8Array()): Promise<void> {
    clearTimeout(this.#acknowledgeTimer);
    clearTimeout(this.#resendTimer);
    this.#acknowledgeTimer = undefined;
    if (this.#failure !== undefined) return;
    const events: Event[] = [];
    let room = MAX_DATAGRAM_BYTES - HEADER_BYTES - state.length;
    for (const event of this.#unacknowledged) {
      room -= EVENT_HEADER_BYTES + event.bytes.length;
      if (room < 0) break;
      events.push(event);
    }
    if (this.#unacknowledged.length > 0) {
      this.#resendTimer = setTimeout(
        () => void this.#transmit().catch(() => {}),
        RESEND_MS,
      );
    }
    await this.#options.transmit(datagramPacket.encode({
      kind: "data",
      id: this.#options.id,
      acked: this.#acked,
      first: this.#first,
      events,
      sequence: ++this.#sequence,
      state,
    }));
  }

  /** Ends it at once, and tells the other side, which may not hear of it. */
  abort(reason?: unknown): void {
    if (this.#failure !== undefined) return;
    const { id, transmit } = this.#options;
    transmit(datagramPacket.encode({ kind: "reset", id })).catch(() => {});
    this.#end(reason as SocketError | undefined);
  }

  /** The other side has no such connection, or the socket is gone. */
  break(): void {
    this.#end(
      new BrokenError("reset", "Cannot receive: the connection was reset"),
    );
  }

  #end(failure: SocketError = new ClosedError("Cannot receive: closed")): void {
    if (this.#failure !== undefined) return;
    this.#failure = failure;
    clearTimeout(this.#resendTimer);
    clearTimeout(this.#acknowledgeTimer);
    this.#unacknowledged = [];
    this.#options.onEnd();
    this.#wake();
  }

  #wake(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers();
  }

  /** Ends it in good order: the other side has all events, or half a second passes. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    if (this.#failure !== undefined) return;
    try {
      // The other side listens no more: it only waits to be told that its end has come.
      if (this.#hasEnded) {
        await this.#transmit();
        return this.#end();
      }
      await this.#sendEvent(new Uint8Array());
      await withTimeout(CLOSE_MS, async (signal) => {
        while (this.#unacknowledged.length > 0 && !signal.aborted) {
          await this.#change.promise;
        }
      });
      // So that the other side need not send its last events again.
      if (this.#acknowledgeTimer !== undefined) await this.#transmit();
    } catch {
      // It will find out by itself.
    }
    this.#end();
  }
}
