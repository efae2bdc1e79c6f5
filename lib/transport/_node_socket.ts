/**
 * A transport over a socket of `node:net`.
 *
 * @module
 */

import type { Addr } from "../addr.ts";
import { quietly } from "./close_quietly.ts";
import type { AcceptedTransport } from "./options.ts";

const { BadResource, BrokenPipe, Busy, ConnectionReset, Interrupted } =
  Deno.errors;

/** The module, which is loaded when it is used. */
export const nodeNet = () => globalThis.process.getBuiltinModule("node:net");

/** A connection of `node:net`. */
export type NodeSocket = InstanceType<ReturnType<typeof nodeNet>["Socket"]>;

/** Most bytes of one write: it settles when all of them have left, and so shows progress. */
const MAX_WRITE_BYTES = 256 * 1024;

type Rejecter = (error: unknown) => void;

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
 * | `closeWrite` | ends this side | the same promise | the failure | `BadResource` |
 *
 * `close` makes all that waits reject with `Interrupted`, as Deno's connections do. Node
 * reads up to 64 KiB ahead once the first read was asked for.
 */
export class NodeSocketTransport implements AcceptedTransport {
  readonly localAddr: Addr;
  readonly remoteAddr: Addr;
  readonly #socket: NodeSocket;
  /** What was taken out of the stream and did not fit. */
  #rest: Uint8Array | undefined;
  #pendingRead: PendingRead | undefined;
  #rejectWrite: Rejecter | undefined;
  #rejectEnd: Rejecter | undefined;
  #ending: Promise<void> | undefined;
  #isReading = false;
  #ended = false;
  #failure: Error | undefined;
  #closed = false;

  /** @param socket Belongs to the transport from now on; it must allow half-open. */
  constructor(socket: NodeSocket, localAddr: Addr, remoteAddr: Addr) {
    this.#socket = socket;
    this.localAddr = localAddr;
    this.remoteAddr = remoteAddr;
    // They stay: without a listener, a later error would end the process.
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(new ConnectionReset("destroyed")));
  }

  read(p: Uint8Array): Promise<number | null> {
    if (this.#closed) return Promise.reject(badResource());
    if (p.length === 0) return Promise.resolve(0);
    if (this.#pendingRead !== undefined) return Promise.reject(busy("read"));
    const count = this.#take(p);
    if (count > 0) return Promise.resolve(count);
    if (this.#ended) return Promise.resolve(null);
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#pendingRead = { target: p, resolve, reject };
      if (!this.#isReading) this.#startReading();
    });
  }

  /** Nothing is read before it is asked for. */
  #startReading(): void {
    this.#isReading = true;
    this.#socket.on("end", () => {
      this.#ended = true;
      this.#settleRead((read) => read.resolve(null));
    });
    this.#socket.on("readable", () => {
      if (this.#pendingRead === undefined) {
        // Without bytes it may be the end, which is not told before it is asked for.
        if (this.#socket.readableLength === 0) this.#socket.read();
        return;
      }
      const count = this.#take(this.#pendingRead.target);
      // An array that was transferred meanwhile takes nothing: the socket notices.
      if (count > 0 || this.#rest !== undefined) {
        this.#settleRead((read) => read.resolve(count));
      }
    });
  }

  /** Moves what is there; 0 for nothing. */
  #take(p: Uint8Array): number {
    const chunk = this.#rest ?? this.#socket.read() as Uint8Array | null;
    if (chunk === null) return 0;
    const count = Math.min(chunk.length, p.length);
    const fits = count === chunk.length;
    // Into one without memory not even nothing can be copied.
    if (count > 0) p.set(fits ? chunk : chunk.subarray(0, count));
    this.#rest = fits ? undefined : chunk.subarray(count);
    return count;
  }

  #settleRead(settle: (read: PendingRead) => void): void {
    const read = this.#pendingRead;
    this.#pendingRead = undefined;
    if (read !== undefined) settle(read);
  }

  write(p: Uint8Array): Promise<number> {
    if (this.#closed) return Promise.reject(badResource());
    if (this.#ending !== undefined) {
      return Promise.reject(new BrokenPipe("Broken pipe"));
    }
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#rejectWrite !== undefined) return Promise.reject(busy("write"));
    if (p.length === 0) return Promise.resolve(0);
    const part = p.length > MAX_WRITE_BYTES
      ? p.subarray(0, MAX_WRITE_BYTES)
      : p;
    return new Promise((resolve, reject) => {
      this.#rejectWrite = reject;
      this.#socket.write(part, (error) => {
        if (this.#rejectWrite === reject) this.#rejectWrite = undefined;
        if (error) reject(error);
        else resolve(part.length);
      });
    });
  }

  closeWrite(): Promise<void> {
    if (this.#closed) return Promise.reject(badResource());
    if (this.#ending !== undefined) return this.#ending;
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return this.#ending = new Promise((resolve, reject) => {
      this.#rejectEnd = reject;
      this.#socket.end(resolve);
    });
  }

  close(): void {
    if (this.#closed) throw badResource();
    this.#closed = true;
    const interrupted = new Interrupted("operation canceled");
    this.#settleRead((read) => read.reject(interrupted));
    this.#rejectOutgoing(interrupted);
    this.#rest = undefined;
    this.#socket.destroy();
  }

  ref(): void {
    this.#socket.ref();
  }

  unref(): void {
    this.#socket.unref();
  }

  /** Calls it when the connection is over, however it ended. */
  onClose(call: () => void): void {
    this.#socket.once("close", call);
  }

  /** It was destroyed, for a reason or without one. */
  #fail(error: Error): void {
    if (this.#closed) return;
    this.#failure ??= error;
    const failure = this.#failure;
    this.#settleRead((read) =>
      this.#ended ? read.resolve(null) : read.reject(failure)
    );
    this.#rejectOutgoing(failure);
    // Both directions may have ended well: then there is nothing to close any more.
    quietly(() => this.#socket.destroy());
  }

  #rejectOutgoing(error: unknown): void {
    this.#rejectWrite?.(error);
    this.#rejectEnd?.(error);
    this.#rejectWrite = this.#rejectEnd = undefined;
  }
}

const badResource = (): Error => new BadResource("Bad resource ID");
const busy = (what: string): Error => new Busy(`Another ${what} is ongoing`);
