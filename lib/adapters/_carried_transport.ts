/**
 * A transport over something that is no socket.
 *
 * All adapters share its states: what is left is read before an end or a failure, `close`
 * ends calls that wait, and what comes is checked. What differs is a {@linkcode Carrier}.
 *
 * @module
 */

import { isDetached, show } from "../_check.ts";
import { formatAddress } from "../addr.ts";
import type { Addr } from "../addr.ts";
import { ByteQueue } from "../bytes/byte_queue.ts";
import { BrokenError, SocketError } from "../errors.ts";
import { translateError } from "../transport/translate_error.ts";
import type { AdaptedTransport, AddressOptions } from "./adapted_transport.ts";

const { BadResource, BrokenPipe, Busy, Interrupted } = Deno.errors;

/** Most bytes of one write: a carrier may have to copy them. */
const MAX_WRITE_BYTES = 64 * 1024;
/**
 * Chunks without a byte are skipped, as streams that transform give some; but a source
 * that goes on with them would keep the process busy.
 */
const MAX_EMPTY_CHUNKS = 1_000;
/** How long what was written may take to leave when the transport is closed gracefully. */
export const CLOSE_MS = 1_000;

/** What carries the bytes of a transport. */
export interface Carrier {
  /** Whether one direction can end and the other go on. */
  readonly halfClose: boolean;
  /**
   * A read of up to `length` bytes waits: sooner or later the transport is given a
   * chunk, the end or a failure. Not called again before that.
   */
  pull(length: number): void;
  /** Sends bytes, which are borrowed until it settles. One call at a time. */
  send(bytes: Uint8Array): Promise<unknown>;
  /** Ends this side behind what was sent. Called once at most. */
  end(): Promise<unknown>;
  /**
   * Lets go of everything. Called once.
   *
   * @param gracefully The peer has ended its side: it is still to get what was sent.
   */
  close(gracefully: boolean): void;
  ref?(): void;
  unref?(): void;
}

type Rejecter = (error: unknown) => void;

interface PendingEnd {
  readonly resolve: () => void;
  readonly reject: Rejecter;
}

interface PendingRead {
  readonly target: Uint8Array;
  readonly resolve: (count: number | null) => void;
  readonly reject: Rejecter;
}

/**
 * What each call does in each state; the two directions change apart from each other.
 *
 * | | open | ended | failed | closed |
 * | --- | --- | --- | --- | --- |
 * | `read` | bytes, or waits | what is left, then `null` | what is left, then the failure | `BadResource` |
 * | `write` | sends | `BrokenPipe` | the failure | `BadResource` |
 * | `closeWrite` | ends this side | the same promise | the failure, or nothing where the peer has ended both directions | `BadResource` |
 *
 * `close` makes all that waits reject with `Interrupted`, as Deno's connections do.
 */
export class CarriedTransport implements AdaptedTransport {
  readonly localAddr: Addr;
  readonly remoteAddr: Addr;
  readonly #carrier: Carrier;
  readonly #queue = new ByteQueue();
  #pendingRead: PendingRead | undefined;
  #rejectWrite: Rejecter | undefined;
  #pendingEnd: PendingEnd | undefined;
  #writing: Promise<unknown> | undefined;
  #ending: Promise<void> | undefined;
  #readEnded = false;
  #readFailure: { error: unknown } | undefined;
  #writeFailure: { error: unknown } | undefined;
  #emptyChunks = 0;
  #closed = false;

  /**
   * @param name What is said of an end that has no address.
   * @param makeCarrier Gets what it is to report to.
   */
  constructor(
    name: string,
    { localAddr, remoteAddr }: AddressOptions,
    makeCarrier: (transport: CarriedTransport) => Carrier,
  ) {
    this.localAddr = localAddr ?? { transport: "stream", name };
    this.remoteAddr = remoteAddr ?? { transport: "stream", name };
    this.#carrier = makeCarrier(this);
  }

  get halfClose(): boolean {
    return this.#carrier.halfClose;
  }

  // ---- what the carrier reports -------------------------------------------

  /** Whether a read waits. */
  get wantsBytes(): boolean {
    return this.#pendingRead !== undefined;
  }

  /** Bytes that came and were not read. */
  get unreadBytes(): number {
    return this.#queue.length;
  }

  /** Whether nothing more is to come. */
  get hasEnded(): boolean {
    return this.#readEnded || this.#readFailure !== undefined || this.#closed;
  }

  /** Something came, which belongs to the transport until it is next asked for. */
  push(chunk: unknown): void {
    if (this.hasEnded) return;
    // A Proxy of an array passes `instanceof`, but its methods throw.
    if (!(chunk instanceof Uint8Array && ArrayBuffer.isView(chunk))) {
      return this.failRead(this.#badChunk(`a Uint8Array, got ${show(chunk)}`));
    }
    if (chunk.length === 0) return this.#pushEmpty(chunk);
    this.#emptyChunks = 0;
    const read = this.#pendingRead;
    if (read === undefined) return this.#queue.append(chunk);
    this.#pendingRead = undefined;
    const { target } = read;
    const count = Math.min(chunk.length, target.length);
    // An array that was transferred meanwhile takes nothing, and the socket notices: into
    // one without memory not even nothing can be copied.
    if (count > 0) {
      target.set(count === chunk.length ? chunk : chunk.subarray(0, count));
    }
    if (count < chunk.length) this.#queue.append(chunk.subarray(count));
    read.resolve(count);
  }

  #pushEmpty(chunk: Uint8Array): void {
    if (isDetached(chunk)) {
      this.failRead(this.#badChunk("a Uint8Array with its memory, got none"));
    } else if (++this.#emptyChunks > MAX_EMPTY_CHUNKS) {
      this.failRead(
        this.#badChunk(`bytes, got ${MAX_EMPTY_CHUNKS} empty ones in a row`),
      );
    } else if (this.#pendingRead !== undefined) {
      this.#carrier.pull(this.#pendingRead.target.length);
    }
  }

  #badChunk(what: string): BrokenError {
    const { localAddr, remoteAddr } = this;
    const from = formatAddress(remoteAddr);
    return new BrokenError(
      "other",
      `Cannot read from ${from}: each chunk must be ${what}`,
      { operation: "read", localAddr, remoteAddr },
    );
  }

  /** The peer has ended its side. */
  endRead(): void {
    if (this.hasEnded) return;
    this.#readEnded = true;
    this.#pendingRead?.resolve(null);
    this.#pendingRead = undefined;
  }

  /**
   * Nothing more comes.
   *
   * @param neverOpened Whether there was no connection, which `closeWrite` could have ended.
   */
  failRead(error: unknown, neverOpened = false): void {
    if (this.hasEnded) return;
    // It ended with the other direction.
    const isEnding = this.#ending !== undefined && !neverOpened;
    if (isEnding && !this.halfClose) return this.endRead();
    const failure = this.#knownError("read", "from", error);
    this.#readFailure = { error: failure };
    this.#pendingRead?.reject(failure);
    this.#pendingRead = undefined;
  }

  /** Nothing can be sent any more. */
  failWrite(error: unknown): void {
    if (this.#closed || this.#writeFailure !== undefined) return;
    const failure = this.#knownError("write", "to", error);
    this.#writeFailure = { error: failure };
    if (this.#bothEnded) this.#pendingEnd?.resolve();
    this.#rejectOutgoing(failure);
  }

  /** What the carrier failed with, unless that says nothing to `translateError`. */
  #knownError(operation: string, preposition: string, error: unknown): unknown {
    const { localAddr, remoteAddr } = this;
    const context = { operation, localAddr, remoteAddr };
    let why = "";
    try {
      if (translateError(error, context) instanceof SocketError) return error;
      if (error instanceof Error) why = `: ${error.message}`;
    } catch {
      // It may throw when it is looked at.
    }
    return new BrokenError(
      "other",
      `Cannot ${operation} ${preposition} ${formatAddress(remoteAddr)}: ` +
        `the stream failed${why}`,
      { ...context, cause: error },
    );
  }

  #rejectOutgoing(error: unknown): void {
    this.#rejectWrite?.(error);
    this.#pendingEnd?.reject(error);
    this.#rejectWrite = this.#pendingEnd = undefined;
  }

  /** Whether the peer's end was the end of both directions. */
  get #bothEnded(): boolean {
    return this.#readEnded && !this.halfClose;
  }

  // ---- Transport ----------------------------------------------------------

  read(p: Uint8Array): Promise<number | null> {
    if (p.length === 0) return Promise.resolve(0);
    if (this.#closed) return Promise.reject(badResource());
    if (this.#pendingRead !== undefined) return Promise.reject(busy("read"));
    if (this.#queue.length > 0) {
      return Promise.resolve(this.#queue.takeInto(p));
    }
    if (this.#readFailure !== undefined) {
      return Promise.reject(this.#readFailure.error);
    }
    if (this.#readEnded) return Promise.resolve(null);
    return new Promise((resolve, reject) => {
      this.#pendingRead = { target: p, resolve, reject };
      this.#carrier.pull(p.length);
    });
  }

  write(p: Uint8Array): Promise<number> {
    if (this.#closed) return Promise.reject(badResource());
    if (this.#writeFailure !== undefined) {
      return Promise.reject(this.#writeFailure.error);
    }
    if (this.#ending !== undefined) {
      return Promise.reject(new BrokenPipe("Broken pipe"));
    }
    if (this.#rejectWrite !== undefined) return Promise.reject(busy("write"));
    if (p.length === 0) return Promise.resolve(0);
    const part = p.length > MAX_WRITE_BYTES
      ? p.subarray(0, MAX_WRITE_BYTES)
      : p;
    return new Promise((resolve, reject) => {
      this.#rejectWrite = reject;
      this.#writing = this.#carrier.send(part).then(() => {
        if (this.#rejectWrite === reject) this.#rejectWrite = undefined;
        resolve(part.length);
      }, (error) => this.failWrite(error));
    });
  }

  closeWrite(): Promise<void> {
    if (this.#closed) return Promise.reject(badResource());
    if (this.#ending !== undefined) return this.#ending;
    if (this.#bothEnded) return this.#ending = Promise.resolve();
    if (this.#writeFailure !== undefined) {
      return Promise.reject(this.#writeFailure.error);
    }
    return this.#ending = new Promise((resolve, reject) => {
      const pending = this.#pendingEnd = { resolve, reject };
      const end = async () => {
        await this.#writing;
        // It may have failed or been closed meanwhile.
        if (this.#pendingEnd === pending) await this.#carrier.end();
      };
      end().then(resolve, (error) => this.failWrite(error));
    });
  }

  close(): void {
    if (this.#closed) throw badResource();
    const gracefully = this.#readEnded && this.#queue.length === 0 &&
      this.#rejectWrite === undefined;
    this.#closed = true;
    const interrupted = new Interrupted("operation canceled");
    this.#pendingRead?.reject(interrupted);
    this.#pendingRead = undefined;
    this.#rejectOutgoing(interrupted);
    this.#queue.clear();
    this.#carrier.close(gracefully);
  }

  ref(): void {
    this.#carrier.ref?.();
  }

  unref(): void {
    this.#carrier.unref?.();
  }
}

const badResource = (): Error => new BadResource("Bad resource ID");
const busy = (what: string): Error => new Busy(`Another ${what} is ongoing`);
