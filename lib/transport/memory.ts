/**
 * An in-memory connection that behaves as a socket of Deno does, down to its errors.
 *
 * @module
 */

import {
  checkInteger,
  checkLimit,
  checkNames,
  checkOneOf,
  checkText,
  wrongKind,
} from "../_check.ts";
import type { MemoryAddr } from "../addr.ts";
import { type Cut, MemoryPipe } from "./_memory_pipe.ts";
import { randomCut, seededRandom } from "../_random.ts";
import type { Transport } from "./options.ts";

/**
 * Options of {@linkcode memoryTransportPair}.
 *
 * @category Memory
 */
export interface MemoryTransportOptions {
  /**
   * Bytes each direction holds before a write waits, at least 1; `Infinity` for no
   * bound.
   *
   * @default {65_536}
   */
  highWaterMarkBytes?: number | undefined;
  /**
   * Cuts every read and write at a random size, the same sizes for the same seed.
   * Without it a call moves all that fits.
   */
  seed?: number | undefined;
  /**
   * Whose reads and writes are cut where there is a `seed`: those of both ends, or of the
   * left one alone.
   *
   * @default {"both"}
   */
  cut?: "both" | "left" | undefined;
  /**
   * What the two addresses are called.
   *
   * @default {["left", "right"]}
   */
  names?: readonly [string, string] | undefined;
}

/**
 * One end of an in-memory connection.
 *
 * It behaves as a `Deno.Conn`: writes are partial and wait when the other side does
 * not read; `close` makes pending calls reject with `Interrupted` and later ones with
 * `BadResource`; closing with unread input resets the peer, which reads what had
 * arrived, then `ConnectionReset` once, then `null`.
 *
 * @category Memory
 */
export interface MemoryTransport extends Transport, Disposable {
  /** This side's address. */
  readonly localAddr: MemoryAddr;
  /** The peer's address. */
  readonly remoteAddr: MemoryAddr;
  /**
   * Breaks the connection as a reset from the network does: pending calls of both
   * sides reject with `ConnectionReset`. Each side still has to be closed.
   */
  reset(): void;
}

const interrupted = (): Error =>
  new Deno.errors.Interrupted("operation canceled");
const badResource = (): Error => new Deno.errors.BadResource("Bad resource ID");
const brokenPipe = (): Error => new Deno.errors.BrokenPipe("Broken pipe");
const connectionReset = (): Error =>
  new Deno.errors.ConnectionReset("Connection reset by peer");

const OPTION_NAMES: ReadonlySet<string> = new Set(
  ["highWaterMarkBytes", "seed", "cut", "names"] satisfies (
    keyof MemoryTransportOptions
  )[],
);

const whole: Cut = (length) => length;

class MemoryEnd implements MemoryTransport {
  readonly localAddr: MemoryAddr;
  readonly remoteAddr: MemoryAddr;
  /** Set by the factory, as each end needs the other. */
  peer!: MemoryEnd;
  readonly #incoming: MemoryPipe;
  readonly #outgoing: MemoryPipe;
  #closed = false;
  /** A reset is reported once: `"unreported"` until a read or a write has thrown it. */
  #reset: "no" | "unreported" | "reported" = "no";

  constructor(
    local: string,
    remote: string,
    incoming: MemoryPipe,
    outgoing: MemoryPipe,
  ) {
    this.localAddr = { transport: "memory", name: local };
    this.remoteAddr = { transport: "memory", name: remote };
    this.#incoming = incoming;
    this.#outgoing = outgoing;
  }

  read(p: Uint8Array): Promise<number | null> {
    if (p.length === 0) return Promise.resolve(0);
    if (this.#closed) return Promise.reject(badResource());
    if (this.#incoming.size === 0 && this.#reportsReset()) {
      return Promise.reject(connectionReset());
    }
    return this.#incoming.read(p);
  }

  write(p: Uint8Array): Promise<number> {
    if (this.#closed) return Promise.reject(badResource());
    if (this.#reportsReset()) return Promise.reject(connectionReset());
    if (this.#outgoing.ended) return Promise.reject(brokenPipe());
    return this.#outgoing.write(p);
  }

  closeWrite(): Promise<void> {
    if (this.#closed) return Promise.reject(badResource());
    return this.#outgoing.end();
  }

  close(): void {
    if (this.#closed) throw badResource();
    this.#closed = true;
    this.#incoming.rejectReads(interrupted);
    this.#outgoing.rejectWrites(interrupted);
    if (this.#incoming.size > 0) this.peer.#takeReset();
    this.#incoming.discard();
    this.#incoming.cut(brokenPipe);
    this.#outgoing.cut(interrupted);
  }

  reset(): void {
    // Both are notified before either direction ends, or a pending read would see that
    // end instead.
    this.#takeReset();
    this.peer.#takeReset();
    this.#incoming.cut(connectionReset);
    this.#outgoing.cut(connectionReset);
  }

  [Symbol.dispose](): void {
    if (!this.#closed) this.close();
  }

  #takeReset(): void {
    if (this.#closed || this.#reset !== "no") return;
    const read = this.#incoming.rejectReads(connectionReset);
    const wrote = this.#outgoing.rejectWrites(connectionReset);
    this.#reset = read || wrote ? "reported" : "unreported";
  }

  #reportsReset(): boolean {
    if (this.#reset !== "unreported") return false;
    this.#reset = "reported";
    return true;
  }
}

/**
 * Makes two transports that are connected in memory.
 *
 * Room is bounded: a write waits while `highWaterMarkBytes` are unread. Nothing is
 * timed, so the order of events is the same on every run.
 *
 * @param options Room, seed and names.
 * @returns The two ends; what one writes the other reads.
 * @throws {TypeError} An option is of the wrong type, or is not known.
 * @throws {RangeError} `highWaterMarkBytes` is not a count of at least 1, `seed` is not an
 * integer, or `cut` is another word.
 * @category Memory
 *
 * @example
 * ```ts
 * import { memoryTransportPair } from "@sluice/net/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const [left, right] = memoryTransportPair({ highWaterMarkBytes: 4 });
 * assertEquals(await left.write(new Uint8Array(9)), 4);
 * assertEquals(await right.read(new Uint8Array(9)), 4);
 * ```
 */
export function memoryTransportPair(
  options: MemoryTransportOptions = {},
): [MemoryTransport, MemoryTransport] {
  const action = "make a memory pair";
  checkNames(action, "options", options, OPTION_NAMES);
  const { highWaterMarkBytes = 65_536, seed, cut = "both" } = options;
  const { names = ["left", "right"] } = options;
  checkLimit(action, "highWaterMarkBytes", highWaterMarkBytes, 1);
  if (seed !== undefined) {
    checkInteger(action, "seed", seed, Number.MIN_SAFE_INTEGER);
  }
  checkOneOf(action, "cut", cut, ["both", "left"]);
  checkTwoNames(action, names);
  const pipe = (lane: number, from: "left" | "right"): MemoryPipe => {
    if (seed === undefined) {
      return new MemoryPipe(highWaterMarkBytes, whole, whole);
    }
    // A stream of cuts for each direction: one side's traffic leaves the other's alone.
    const random = seededRandom(seed * 2 + lane);
    const some: Cut = (length) => randomCut(length, random);
    const both = cut === "both";
    return new MemoryPipe(
      highWaterMarkBytes,
      both || from === "left" ? some : whole,
      both || from === "right" ? some : whole,
    );
  };
  const [rightwards, leftwards] = [pipe(0, "left"), pipe(1, "right")];
  const left = new MemoryEnd(names[0], names[1], leftwards, rightwards);
  const right = new MemoryEnd(names[1], names[0], rightwards, leftwards);
  left.peer = right;
  right.peer = left;
  return [left, right];
}

function checkTwoNames(action: string, names: unknown): void {
  if (!Array.isArray(names) || names.length !== 2) {
    throw wrongKind(action, "names", "an array of two names", names);
  }
  for (const name of names) checkText(action, "names", name);
}
