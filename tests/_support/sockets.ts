/**
 * Sockets and transports for tests: pairs over memory, TCP and Unix, and a transport
 * that shows what a socket does with it and fails when told.
 *
 * @module
 */

import { Socket } from "../../lib/socket/socket.ts";
import type { SocketOptions } from "../../lib/socket/options.ts";
import {
  type MemoryTransport,
  type MemoryTransportOptions,
  memoryTransportPair,
} from "../../lib/transport/memory.ts";
import type { Transport } from "../../lib/transport/options.ts";

/** For every test that touches the network. */
export const TIMEOUT: { timeout: number } = { timeout: 20_000 };

/** The seeds with which a test of logic is run where splits matter. */
export const SEEDS: readonly number[] = Array.from(
  { length: 20 },
  (_, index) => index + 1,
);

/** Bytes that count up from `first`. */
export function bytes(length: number, first = 0): Uint8Array<ArrayBuffer> {
  const array = new Uint8Array(length);
  for (let i = 0; i < length; i++) array[i] = first + i;
  return array;
}

/** Bytes as text. */
export function textOf(data: Uint8Array | null): string | null {
  return data === null ? null : new TextDecoder().decode(data);
}

/** Lets everything that is ready run, and the event loop come round once. */
export function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** Lets fake time pass, and then everything run that this made ready. */
export function pass(
  time: { advance(ms: number): void },
  ms: number,
): Promise<void> {
  time.advance(ms);
  return turn();
}

/** Whether a promise has settled once everything that can run has run. */
export async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const mark = () => void (settled = true);
  promise.then(mark, mark);
  await turn();
  return settled;
}

/** What a promise came to, as a value: the error if it rejected. */
export function outcome(promise: Promise<unknown>): Promise<unknown> {
  return promise.catch((error) => error);
}

/** A transport that counts what is asked of it, and holds or fails it when told. */
export class SpyTransport implements Transport {
  /** The sizes of the writes that were asked for. */
  readonly writes: number[] = [];
  /** The arrays of those writes. */
  readonly written: Uint8Array[] = [];
  reads = 0;
  closedWrite = 0;
  closed = 0;
  /** While set, writes wait for it. */
  gate: PromiseWithResolvers<void> | undefined;
  /** The next write rejects with it. */
  writeError: unknown;
  /** The next closeWrite rejects with it. */
  closeWriteError: unknown;
  readonly inner: MemoryTransport;

  constructor(inner: MemoryTransport) {
    this.inner = inner;
  }

  get localAddr() {
    return this.inner.localAddr;
  }

  get remoteAddr() {
    return this.inner.remoteAddr;
  }

  read(p: Uint8Array): Promise<number | null> {
    this.reads++;
    return this.inner.read(p);
  }

  async write(p: Uint8Array): Promise<number> {
    this.writes.push(p.length);
    this.written.push(p);
    if (this.writeError !== undefined) throw this.writeError;
    if (this.gate !== undefined) await this.gate.promise;
    return await this.inner.write(p);
  }

  async closeWrite(): Promise<void> {
    this.closedWrite++;
    if (this.closeWriteError !== undefined) throw this.closeWriteError;
    await this.inner.closeWrite();
  }

  close(): void {
    this.closed++;
    this.gate?.reject(new Deno.errors.Interrupted("operation canceled"));
    this.inner.close();
  }

  /** From now on writes wait until {@linkcode SpyTransport.release}. */
  hold(): void {
    this.gate = Promise.withResolvers();
    this.gate.promise.catch(() => {});
  }

  /** Lets the writes go that wait. */
  release(): void {
    this.gate?.resolve();
    this.gate = undefined;
  }
}

/** Two sockets in memory; `spy` is the transport of the first. */
export interface SpiedPair extends Disposable {
  left: Socket;
  right: Socket;
  spy: SpyTransport;
  /** The transport of the second. */
  far: MemoryTransport;
}

/** Makes a {@linkcode SpiedPair}; disposing it aborts both sockets. */
export function spiedPair(
  options: MemoryTransportOptions & {
    left?: SocketOptions;
    right?: SocketOptions;
  } = {},
): SpiedPair {
  const { left: leftOptions, right: rightOptions, ...rest } = options;
  const [near, far] = memoryTransportPair(rest);
  const spy = new SpyTransport(near);
  const left = new Socket(spy, leftOptions);
  const right = new Socket(far, rightOptions);
  return {
    left,
    right,
    spy,
    far,
    [Symbol.dispose]() {
      left.abort();
      right.abort();
    },
  };
}

/** Two connected Deno connections over TCP. */
export async function tcpConns(): Promise<[Deno.TcpConn, Deno.TcpConn]> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { hostname, port } = listener.addr;
  const pair = await Promise.all([
    Deno.connect({ hostname, port }),
    listener.accept(),
  ]);
  for (const conn of pair) conn.setNoDelay(true);
  return pair;
}

/** A pair of sockets that aborts both when it is disposed. */
export interface SocketPair extends Disposable {
  left: Socket;
  right: Socket;
}

function asPair([left, right]: readonly [Transport, Transport], {
  left: leftOptions,
  right: rightOptions,
}: PairOptions): SocketPair {
  const pair = {
    left: new Socket(left, leftOptions),
    right: new Socket(right, rightOptions),
  };
  return {
    ...pair,
    [Symbol.dispose]() {
      pair.left.abort();
      pair.right.abort();
    },
  };
}

/** Options of the two sockets of a pair. */
export interface PairOptions {
  left?: SocketOptions;
  right?: SocketOptions;
}

/** Makes a pair of sockets over something. */
export type MakePair = (options?: PairOptions) => Promise<SocketPair>;

const MEMORY: [string, MakePair] = [
  "memory",
  (options = {}) => Promise.resolve(asPair(memoryTransportPair(), options)),
];
const TCP: [string, MakePair] = [
  "TCP",
  async (options = {}) => asPair(await tcpConns(), options),
];

/** Registers one test over memory and the same over TCP. */
export function testOverMemoryAndTcp(
  title: string,
  test: (makePair: MakePair) => Promise<void>,
): void {
  for (const [name, makePair] of [MEMORY, TCP]) {
    Deno.test(`${title} (${name})`, TIMEOUT, () => test(makePair));
  }
}

/** Runs a test of logic once whole, and once with every seed's splits. */
export async function underEverySplit(
  test: (pair: SpiedPair) => Promise<void>,
  options: PairOptions & MemoryTransportOptions = {},
): Promise<void> {
  for (const seed of [undefined, ...SEEDS]) {
    using pair = spiedPair({ ...options, seed });
    try {
      await test(pair);
    } catch (error) {
      throw new Error(`with seed ${seed}: ${error}`, { cause: error });
    }
  }
}
