#!/usr/bin/env -S deno run
/**
 * Measures one thing that codecs do without a socket, and prints nanoseconds: one of
 * {@linkcode InMemory}, by its name. In a process of its own, as the engine compiles
 * code for all that it has seen there. It warms up first, for as long whatever it
 * costs, and then takes the median of what fits in a time.
 *
 * @module
 */

import { TextLineStream } from "@std/streams";
import { ByteQueue, type Codec, lengthPrefixed, lines } from "../../mod.ts";
import { summarize } from "./statistics.ts";

/** What is measured. */
export interface InMemory {
  /** Nanoseconds for each 64-byte frame of `lengthPrefixed()`. */
  lengthPrefixed: number;
  /** Nanoseconds for each line of `lines()`. */
  lines: number;
  /** Nanoseconds for each line of a `TextDecoderStream` and a `TextLineStream`. */
  textLineStream: number;
  /** Nanoseconds for each byte of a line that arrives a byte at a time: 16 KiB. */
  searchShort: number;
  /** The same for 256 KiB: no more, if searching is linear. */
  searchLong: number;
}

const CHUNK_BYTES = 64 * 1024;
/** V8 has compiled what it will compile after half of that, on a busy machine too. */
const WARM_UP_MS = 400;
const MEASURE_MS = 400;

/** Many frames, in pieces as they come from a socket. */
function chunksOf(frame: Uint8Array, count: number): Uint8Array[] {
  const bytes = new Uint8Array(frame.length * count);
  for (let at = 0; at < bytes.length; at += frame.length) bytes.set(frame, at);
  return Array.from(
    { length: Math.ceil(bytes.length / CHUNK_BYTES) },
    (_, index) =>
      bytes.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES),
  );
}

/** Decodes it all as a connection does, and counts the frames. */
function decodeAll<T>(codec: Codec<T>, chunks: Uint8Array[]): number {
  const queue = new ByteQueue();
  const decoder = codec.decoder();
  let count = 0;
  for (const chunk of chunks) {
    queue.append(chunk);
    while (queue.length > 0 && decoder.decode(queue) !== undefined) count++;
  }
  return count;
}

async function countLines(chunks: Uint8Array[]): Promise<number> {
  const stream = ReadableStream.from(chunks as Uint8Array<ArrayBuffer>[])
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream());
  let count = 0;
  for await (const _ of stream) count++;
  return count;
}

/** The median time of one of `units`, in nanoseconds. */
async function time(
  units: number,
  run: () => number | Promise<number>,
): Promise<number> {
  const samples: number[] = [];
  const warm = performance.now() + WARM_UP_MS;
  while (performance.now() < warm) await run();
  const end = performance.now() + MEASURE_MS;
  while (samples.length === 0 || performance.now() < end) {
    const start = performance.now();
    const count = await run();
    const nanos = (performance.now() - start) * 1e6;
    if (count !== units) throw new Error(`decoded ${count} of ${units}`);
    samples.push(nanos / units);
  }
  return summarize(samples).median;
}

/** A line of `length` bytes, one byte at a time. */
function search(length: number): number {
  const queue = new ByteQueue();
  const decoder = lines({ maxLineBytes: length }).decoder();
  const letter = new Uint8Array([0x61]);
  for (let at = 1; at < length; at++) {
    queue.append(letter);
    if (decoder.decode(queue) !== undefined) throw new Error("no line yet");
  }
  queue.append(new Uint8Array([0x0a]));
  const line = decoder.decode(queue);
  return line === undefined ? 0 : line.length + 1;
}

const FRAMES = 100_000;

function makeFrames(): Uint8Array[] {
  const frame = new Uint8Array(68);
  frame[3] = 64;
  return chunksOf(frame, FRAMES);
}

function makeText(): Uint8Array[] {
  const line = `${"a line of text ".repeat(4)}\n`;
  return chunksOf(new TextEncoder().encode(line), FRAMES);
}

const MEASURES: Record<keyof InMemory, () => Promise<number>> = {
  lengthPrefixed() {
    const chunks = makeFrames();
    return time(FRAMES, () => decodeAll(lengthPrefixed(), chunks));
  },
  lines() {
    const chunks = makeText();
    return time(FRAMES, () => decodeAll(lines(), chunks));
  },
  textLineStream() {
    const chunks = makeText();
    return time(FRAMES, () => countLines(chunks));
  },
  searchShort: () => time(16 * 1024, () => search(16 * 1024)),
  searchLong: () => time(256 * 1024, () => search(256 * 1024)),
};

/** What can be measured. */
export const IN_MEMORY = Object.keys(MEASURES) as (keyof InMemory)[];

if (import.meta.main) {
  console.log(await MEASURES[Deno.args[0] as keyof InMemory]());
}
