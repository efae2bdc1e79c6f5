/**
 * The two directions of a connection, each at a rate.
 *
 * @module
 */

import type { Transport } from "../transport/options.ts";
import { TokenBucket } from "./_token_bucket.ts";

/** Where a connection's bytes come from and go to. */
export type Flow = Pick<Transport, "read" | "write">;

/** Rates of both directions, as the options of a socket have them. */
export interface FlowRates {
  /** Most bytes a second to read; `undefined` and `Infinity` do not throttle. */
  maxReadBytesPerSecond?: number | undefined;
  /** Most bytes a second to write. */
  maxWriteBytesPerSecond?: number | undefined;
  /** Most bytes that either may move at once after a pause. */
  burstBytes?: number | undefined;
}

/** Throttles `flow`; `undefined` where no rate was asked for. */
export function throttleFlow(
  flow: Flow,
  { maxReadBytesPerSecond, maxWriteBytesPerSecond, burstBytes }: FlowRates,
): ThrottledFlow | undefined {
  const reading = bucketOf(maxReadBytesPerSecond, burstBytes);
  const writing = bucketOf(maxWriteBytesPerSecond, burstBytes);
  return reading === undefined && writing === undefined
    ? undefined
    : new ThrottledFlow(flow, reading, writing);
}

function bucketOf(
  bytesPerSecond: number | undefined,
  burstBytes: number | undefined,
): TokenBucket | undefined {
  return bytesPerSecond === undefined || bytesPerSecond === Infinity
    ? undefined
    : new TokenBucket({ bytesPerSecond, burstBytes });
}

/**
 * A transport's two directions, at most at a rate each; a rate that is `undefined`
 * leaves its direction alone.
 *
 * A read takes no more than it may, and waits before it, not after: what the peer
 * sends meanwhile stays with the kernel, so the peer is slowed down as well. A write
 * takes no more than it may, as any transport's write may take a part.
 */
export class ThrottledFlow implements Flow {
  /** What is throttled; another transport after an upgrade to TLS. */
  inner: Flow;
  readonly #reading: TokenBucket | undefined;
  readonly #writing: TokenBucket | undefined;

  constructor(
    inner: Flow,
    reading: TokenBucket | undefined,
    writing: TokenBucket | undefined,
  ) {
    this.inner = inner;
    this.#reading = reading;
    this.#writing = writing;
  }

  async read(p: Uint8Array): Promise<number | null> {
    const bucket = this.#reading;
    if (bucket === undefined || p.length === 0) return this.inner.read(p);
    const allowed = await allowedBy(bucket, p.length);
    const count = await this.inner.read(p.subarray(0, allowed));
    if (count !== null) bucket.spend(count);
    return count;
  }

  async write(p: Uint8Array): Promise<number> {
    const bucket = this.#writing;
    if (bucket === undefined || p.length === 0) return this.inner.write(p);
    const allowed = await allowedBy(bucket, p.length);
    const count = await this.inner.write(p.subarray(0, allowed));
    bucket.spend(count);
    return count;
  }

  /** Ends all waits. Call it when the transport is closed: that refuses what waited. */
  stop(): void {
    this.#reading?.stop();
    this.#writing?.stop();
  }
}

/** How many of `wanted` bytes may pass, as soon as any may. */
async function allowedBy(bucket: TokenBucket, wanted: number): Promise<number> {
  while (true) {
    const allowed = bucket.allow(wanted);
    if (allowed > 0) return allowed;
    await bucket.wait(wanted);
  }
}
