/**
 * A stream that passes bytes at a rate.
 *
 * @module
 */

import { checkBytes, checkNames, checkNumber } from "../_check.ts";
import { TokenBucket } from "./_token_bucket.ts";
import type { ThrottleOptions } from "./throttle_options.ts";

const OPTION_NAMES: ReadonlySet<string> = new Set(
  ["bytesPerSecond", "burstBytes"] satisfies (keyof ThrottleOptions)[],
);

/**
 * Makes a stream that passes bytes on at most at `bytesPerSecond`: for files,
 * subprocesses, bodies of `fetch`. A socket has `maxReadBytesPerSecond` and
 * `maxWriteBytesPerSecond` instead.
 *
 * It is a token bucket (see {@linkcode ThrottleOptions}): over any time it passes no
 * more than the rate and one burst, plus what a late timer owes, which is at most a
 * tenth of a second's worth; while there is enough to pass, and it is read,
 * hardly less. Chunks are cut, never copied or joined, so it holds one chunk at a
 * time: a writer waits until the whole of it has been read. While nothing
 * waits no timer runs.
 *
 * Cancellation: aborting the writable or cancelling the readable ends a wait at
 * once. A `signal` belongs to the `pipeTo` that reads from it: that of `pipeThrough`
 * waits until the chunk under way is through, as it does with any stream.
 *
 * @param options Rate and burst.
 * @returns A pair for `pipeThrough`. Its readable rejects with `TypeError` if a
 * chunk is not a `Uint8Array`, or is transferred before all of it was read.
 * @throws {TypeError} An option is not a number.
 * @throws {RangeError} An option is below 1.
 * @category Traffic
 *
 * @example A tenth of a second for 10,000 bytes
 * ```ts
 * import { throttle } from "@sluice/net";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const body = new Blob([new Uint8Array(10_000)]).stream();
 * const start = performance.now();
 * let bytes = 0;
 * for await (
 *   const piece of body.pipeThrough(throttle({ bytesPerSecond: 100_000 }))
 * ) bytes += piece.length;
 * assertEquals(bytes, 10_000);
 * assert(performance.now() - start >= 70);
 * ```
 */
export function throttle(
  options: ThrottleOptions,
): TransformStream<Uint8Array, Uint8Array> {
  checkNames("throttle", "options", options, OPTION_NAMES);
  const { bytesPerSecond, burstBytes } = options;
  checkNumber("throttle", "bytesPerSecond", bytesPerSecond, 1);
  if (burstBytes !== undefined) {
    checkNumber("throttle", "burstBytes", burstBytes, 1);
  }
  return new Throttle(new TokenBucket(options));
}

/**
 * Not a `TransformStream` of the platform: that one only notices an abort when the
 * chunk under way is through, which may be minutes.
 */
class Throttle implements TransformStream<Uint8Array, Uint8Array> {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  readonly #bucket: TokenBucket;
  #output!: ReadableStreamDefaultController<Uint8Array>;
  #input!: WritableStreamDefaultController;
  /** What is left of the current chunk, and the write that waits until it was read. */
  #rest: Uint8Array | undefined;
  #passed: PromiseWithResolvers<void> | undefined;
  /** The read that waits while there is no chunk. */
  #wanted: PromiseWithResolvers<void> | undefined;

  constructor(bucket: TokenBucket) {
    this.#bucket = bucket;
    this.readable = new ReadableStream<Uint8Array>({
      start: (controller) => void (this.#output = controller),
      pull: () => this.#pull(),
      cancel: (reason) => this.#cancel(reason),
    }, { highWaterMark: 0 });
    this.writable = new WritableStream<Uint8Array>({
      start: (controller) => {
        this.#input = controller;
        // Comes before `abort`, which waits for the chunk under way.
        controller.signal.addEventListener(
          "abort",
          () => this.#abort(controller.signal.reason),
        );
      },
      write: (chunk) => this.#write(chunk),
      close: () => this.#close(),
    });
  }

  #write(chunk: Uint8Array): Promise<void> | void {
    try {
      checkBytes("throttle", "a chunk", chunk);
    } catch (error) {
      this.#abort(error);
      throw error;
    }
    if (chunk.length === 0) return;
    this.#rest = chunk;
    this.#passed = Promise.withResolvers();
    this.#wanted?.resolve();
    return this.#passed.promise;
  }

  /** Hands out one piece. */
  async #pull(): Promise<void> {
    if (this.#rest === undefined) {
      this.#wanted = Promise.withResolvers();
      await this.#wanted.promise;
      this.#wanted = undefined;
    }
    let allowed = 0;
    while (
      this.#rest !== undefined && this.#rest.length > 0 && !this.#bucket.stopped
    ) {
      allowed = this.#bucket.allow(this.#rest.length);
      if (allowed > 0) break;
      await this.#bucket.wait(this.#rest.length);
    }
    const chunk = this.#rest;
    if (chunk === undefined || this.#bucket.stopped) return;
    if (chunk.length === 0) return this.#lose();
    this.#bucket.spend(allowed);
    this.#output.enqueue(chunk.subarray(0, allowed));
    if (allowed < chunk.length) {
      this.#rest = chunk.subarray(allowed);
    } else {
      this.#rest = undefined;
      this.#passed!.resolve();
    }
  }

  /** The chunk was transferred or shrunk before all of it has passed. */
  #lose(): void {
    const error = new TypeError(
      "Cannot throttle: a chunk was transferred or resized before it was read",
    );
    this.#passed!.reject(error);
    this.#abort(error);
  }

  #close(): void {
    this.#bucket.stop();
    this.#output.close();
    this.#wanted?.resolve();
  }

  #cancel(reason: unknown): void {
    this.#input.error(reason);
    this.#stop();
  }

  #abort(reason: unknown): void {
    this.#output.error(reason);
    this.#stop();
  }

  #stop(): void {
    this.#bucket.stop();
    this.#rest = undefined;
    this.#passed?.resolve();
    this.#wanted?.resolve();
  }
}
