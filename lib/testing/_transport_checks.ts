/**
 * What a transport has to do, one check for each promise of its interface.
 *
 * @module
 */

import { ClosedError, SocketError } from "../errors.ts";
import { translateError } from "../transport/translate_error.ts";
import type { Transport } from "../transport/options.ts";
import { AssertionError } from "./_decoding.ts";
import { isEqual } from "./_equal.ts";
import { expect, pattern } from "./_expect.ts";

/** What the checks know about the transport. */
export interface Conditions {
  /** Whether a side that has ended its own writing goes on reading. */
  halfClose: boolean;
  /** Whether a write waits while the peer does not read; else it may fail. */
  backpressure: boolean;
  /** Bytes of the big transfers. */
  bulkBytes: number;
  /** Milliseconds after which a write that is pending counts as waiting. */
  stallMs: number;
}

/** A check gets two fresh ends, which it need not close. */
export type Check = (
  left: Transport,
  right: Transport,
  conditions: Conditions,
) => Promise<void>;

/** Most that a transport may take in while the peer does not read. */
const MAX_IN_FLIGHT_BYTES = 64 * 1024 * 1024;

/** As Node's `Buffer`, which TLS and many programs write: its `slice` is a view. */
class BufferLike extends Uint8Array<ArrayBuffer> {
  override slice(start?: number, end?: number): Uint8Array<ArrayBuffer> {
    return this.subarray(start, end);
  }
}

async function writeAll(
  transport: Transport,
  bytes: Uint8Array,
): Promise<void> {
  for (let sent = 0; sent < bytes.length;) {
    const count = await transport.write(bytes.subarray(sent));
    if (!(count >= 1 && count <= bytes.length - sent)) {
      throw new AssertionError(
        `A write must take from 1 to ${bytes.length - sent} bytes, ` +
          `got ${count}`,
      );
    }
    sent += count;
  }
}

/** Reads `length` bytes, or up to the end for `Infinity`. */
async function readBytes(
  transport: Transport,
  length: number,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  const buffer = new Uint8Array(65_536);
  let got = 0;
  while (got < length) {
    const target = buffer.subarray(0, Math.min(buffer.length, length - got));
    const count = await transport.read(target);
    if (count === null) break;
    if (!(count >= 1 && count <= target.length)) {
      throw new AssertionError(
        `A read must give from 1 to ${target.length} bytes, got ${count}`,
      );
    }
    parts.push(target.slice(0, count));
    got += count;
  }
  const all = new Uint8Array(got);
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}

/** Reads on until a write has settled. */
async function readUntil(
  write: Promise<unknown>,
  transport: Transport,
): Promise<void> {
  let settled = false;
  const settling = write.finally(() => settled = true);
  settling.catch(() => {});
  const buffer = new Uint8Array(65_536);
  while (!settled) {
    const reading = transport.read(buffer);
    // One may still wait for more.
    reading.catch(() => {});
    await Promise.race([reading, settling]);
  }
  await write;
}

/** Writes while it reads, so that the room between the two does not matter. */
async function move(
  from: Transport,
  to: Transport,
  bytes: Uint8Array,
): Promise<Uint8Array> {
  const [, read] = await Promise.all([
    writeAll(from, bytes),
    readBytes(to, bytes.length),
  ]);
  return read;
}

/** Writes more than may wait for a peer. */
async function writeOn(transport: Transport): Promise<void> {
  const chunk = pattern(65_536);
  for (let sent = 0; sent < MAX_IN_FLIGHT_BYTES; sent += chunk.length) {
    await writeAll(transport, chunk);
  }
}

/** Settles with the error, which has to be one that a socket understands. */
async function failure(
  what: string,
  call: () => Promise<unknown>,
): Promise<SocketError> {
  let value: unknown;
  try {
    value = await call();
  } catch (error) {
    const translated = translateError(error, { operation: "check" });
    if (translated instanceof SocketError) return translated;
    throw new AssertionError(
      `${what} must fail with an error that translateError knows, got ` +
        Deno.inspect(error),
    );
  }
  throw new AssertionError(
    `${what} must fail, got ${Deno.inspect(value)}`,
  );
}

async function failsAsClosed(
  what: string,
  call: () => Promise<unknown>,
): Promise<void> {
  const error = await failure(what, call);
  if (error instanceof ClosedError) return;
  throw new AssertionError(
    `${what} must fail as closed, got ${Deno.inspect(error)}`,
  );
}

/** The checks, by what a transport that passes them does. */
export const CHECKS: Record<string, Check> = {
  "moves bytes in both directions": async (left, right) => {
    for (const [from, to] of [[left, right], [right, left]]) {
      expect("What was read", await move(from, to, pattern(100)), pattern(100));
    }
  },

  "keeps many small writes in order": async (left, right) => {
    const all = pattern(500);
    const reading = readBytes(right, all.length);
    for (let index = 0; index < all.length; index += 5) {
      await writeAll(left, all.subarray(index, index + 5));
    }
    expect("What was read", await reading, all);
  },

  "moves big data both ways at once": async (left, right, { bulkBytes }) => {
    const [one, two] = [pattern(bulkBytes, 1), pattern(bulkBytes, 2)];
    const [, , atRight, atLeft] = await Promise.all([
      writeAll(left, one),
      writeAll(right, two),
      readBytes(right, bulkBytes),
      readBytes(left, bulkBytes),
    ]);
    expect("What the right end read", isEqual(atRight, one), true);
    expect("What the left end read", isEqual(atLeft, two), true);
  },

  "reads at most what fits, and keeps the rest": async (left, right) => {
    const writing = writeAll(left, pattern(50));
    const buffer = new Uint8Array(20).fill(255);
    const count = await right.read(buffer.subarray(5, 12)) ?? 0;
    expect("A count of at most 7", count >= 1 && count <= 7, true);
    expect(
      "Bytes before the array",
      buffer.subarray(0, 5),
      new Uint8Array(5).fill(255),
    );
    expect(
      "Bytes behind the array",
      buffer.subarray(12),
      new Uint8Array(8).fill(255),
    );
    const rest = await readBytes(right, 50 - count);
    await writing;
    const got = [...buffer.subarray(5, 5 + count), ...rest];
    expect("What was read", got, [...pattern(50)]);
  },

  "gives 0 for a read into an empty array": async (left, right) => {
    expect("Without data", await right.read(new Uint8Array()), 0);
    await writeAll(left, pattern(1, 7));
    expect("With data", await right.read(new Uint8Array()), 0);
    expect("What was read", await readBytes(right, 1), pattern(1, 7));
  },

  "makes a write wait while the peer does not read": async (
    left,
    right,
    { backpressure, stallMs },
  ) => {
    const chunk = pattern(262_144);
    let written = 0;
    while (written <= MAX_IN_FLIGHT_BYTES) {
      const write = left.write(chunk);
      write.catch(() => {});
      const stalled = Promise.withResolvers<undefined>();
      const timer = setTimeout(stalled.resolve, stallMs, undefined);
      let count: number | undefined;
      try {
        count = await Promise.race([write, stalled.promise]);
      } catch (error) {
        if (backpressure) throw error;
        // The peer has cut this end off instead.
        await failure("A write too many", () => Promise.reject(error));
        return;
      } finally {
        clearTimeout(timer);
      }
      if (count === undefined) {
        // It goes on once the peer reads.
        await readUntil(write, right);
        return;
      }
      written += count;
    }
    throw new AssertionError(
      `A write must wait while the peer does not read, got ${written} bytes taken`,
    );
  },

  "leaves alone the arrays of calls that have settled": async (left, right) => {
    for (const source of [pattern(64), new BufferLike(pattern(64).buffer)]) {
      const writing = writeAll(left, source).then(() => source.fill(0));
      const target = new Uint8Array(64);
      let got = 0;
      while (got < 64) got += await right.read(target.subarray(got)) ?? 64;
      await writing;
      expect("What was read", target, pattern(64));
      await move(left, right, pattern(64, 9));
      expect("An array that was read into before", target, pattern(64));
    }
  },

  "reads null at the end, after all that was written": async (left, right) => {
    const reading = readBytes(right, Infinity);
    await writeAll(left, pattern(1000));
    await left.closeWrite();
    expect("What was read", await reading, pattern(1000));
    expect("A read after the end", await right.read(new Uint8Array(9)), null);
    expect("Another one", await right.read(new Uint8Array(9)), null);
  },

  "wakes a pending read at the end": async (left, right) => {
    const reading = right.read(new Uint8Array(9));
    await left.closeWrite();
    expect("The read", await reading, null);
  },

  "refuses a write after closeWrite": async (left) => {
    await left.closeWrite();
    await failure("A write after closeWrite", () => left.write(pattern(1)));
  },

  "keeps the other direction after closeWrite": async (
    left,
    right,
    { halfClose },
  ) => {
    if (!halfClose) return;
    await left.closeWrite();
    expect("The end", await right.read(new Uint8Array(9)), null);
    expect(
      "What was read",
      await move(right, left, pattern(5000)),
      pattern(5000),
    );
    await right.closeWrite();
    expect("The other end", await left.read(new Uint8Array(9)), null);
  },

  "fails a pending read when this side closes": async (left, right) => {
    const target = new Uint8Array(9);
    const reading = failsAsClosed("The pending read", () => left.read(target));
    left.close();
    await reading;
    await right.write(pattern(9, 1)).catch(() => {});
    expect("The array of the read that failed", target, new Uint8Array(9));
  },

  "fails every call after this side has closed": async (left) => {
    left.close();
    await failsAsClosed("A read", () => left.read(new Uint8Array(9)));
    await failsAsClosed("A write", () => left.write(pattern(9)));
    await failsAsClosed("A closeWrite", () => left.closeWrite());
  },

  "stands a second close, or refuses it as closed": async (left) => {
    left.close();
    try {
      left.close();
    } catch (error) {
      await failsAsClosed("A second close", () => Promise.reject(error));
    }
  },

  "shows the peer the end when this side closes": async (left, right) => {
    await writeAll(left, pattern(1, 7));
    left.close();
    try {
      expect("What was read", await readBytes(right, Infinity), pattern(1, 7));
    } catch (error) {
      // A transport may also report that this was not a graceful end.
      if (error instanceof AssertionError) throw error;
      await failure("A read of a closed peer", () => Promise.reject(error));
    }
  },

  "delivers what was written when it closes after the peer's end": async (
    left,
    right,
    { halfClose },
  ) => {
    if (!halfClose) return;
    await right.closeWrite();
    expect("A read at the end", await left.read(new Uint8Array(9)), null);
    await writeAll(left, pattern(1, 8));
    left.close();
    expect("What was read", await readBytes(right, 1), pattern(1, 8));
  },

  "fails writes to a peer that has closed": async (left, right) => {
    left.close();
    await failure("Writing on and on", () => writeOn(right));
  },

  "has addresses, also when it is closed": async (left, right) => {
    for (const end of [left, right]) {
      const before = [end.localAddr, end.remoteAddr].map((addr) => ({
        ...addr,
      }));
      for (const { transport } of before) {
        expect("The transport of an address", typeof transport, "string");
      }
      end.close();
      const after = [end.localAddr, end.remoteAddr].map((addr) => ({
        ...addr,
      }));
      expect("The addresses", after, before);
    }
    await Promise.resolve();
  },
};
