/**
 * A file from one side to the other. Both directions are these two functions.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createHash, type Hash } from "node:crypto";
import { MalformedFrameError, withTimeout } from "@sluice/net";
import { type MessageOf, Refusal } from "./messages.ts";
import { CHUNK_BYTES, chunkBuffer, contentsOf, type Peer } from "./peer.ts";

/** Called with bytes that are there; `before` says that they need not be sent. */
export type OnBytes = (count: number, before?: boolean) => void;

/** Where a file goes, or what it is compared with. */
export interface Target {
  /** Bytes that are there. */
  readonly size: number;
  /** SHA-256 of them. */
  sha256(): Uint8Array;
  /** Something has come, however little. */
  touch(): void;
  /** Drops what is there. */
  clear(): Promise<void>;
  /** Appends bytes, which must not change until the promise resolves. */
  append(bytes: Uint8Array): Promise<void>;
  /** All has come; throws if it is not what was sent. */
  finish(sha256: Uint8Array): Promise<void>;
}

/** Options of {@linkcode receiveFile}. */
export interface ReceiveOptions {
  /** How large the file must be; any size by default. */
  size?: number;
  /** Called with bytes that are there. */
  onBytes?: OnBytes;
}

/** How long a refusal may take that comes after the connection broke. */
const REFUSAL_MS = 1_000;

/**
 * Sends a file, from where the other side has it on.
 *
 * @returns Its SHA-256, in hexadecimal.
 * @throws {Refusal} The other side refused, or the file changed.
 */
export async function sendFile(
  peer: Peer,
  file: Deno.FsFile,
  onBytes: OnBytes = () => {},
): Promise<string> {
  return await sendRest(peer, file, {
    resume: await peer.expect("resume"),
    onBytes,
  });
}

/**
 * Sends what the other side has not.
 *
 * @returns Its SHA-256, in hexadecimal.
 * @throws {Refusal} The other side refused, or the file changed.
 */
export async function sendRest(
  peer: Peer,
  file: Deno.FsFile,
  { resume, onBytes }: { resume: MessageOf<"resume">; onBytes: OnBytes },
): Promise<string> {
  const { size } = await file.stat();
  // Meanwhile the other side may refuse, or leave: its disk may be full.
  const left = peer.watch();
  const { hash, from } = await known(file, size, resume, left);
  await peer.send({ type: "begin", from: BigInt(from), size: BigInt(size) });
  onBytes(from, true);

  const answer = peer.expect("stored");
  let refusal: unknown;
  answer.catch((error) => refusal = error);
  try {
    await sendContents(peer, file, { hash, left: size - from }, (count) => {
      if (refusal !== undefined) throw refusal;
      onBytes(count);
    });
    const sha256 = hash.digest();
    await peer.send({ type: "digest", sha256 });
    await answer;
    return sha256.toString("hex");
  } catch (error) {
    if (error instanceof Refusal) throw error;
    // Why the connection was cut may still be on its way.
    throw await withTimeout(REFUSAL_MS, () => answer).then(
      () => error,
      (reason) => reason instanceof Refusal ? reason : error,
    );
  }
}

/** Reads and sends at the same time: one buffer fills while the other leaves. */
async function sendContents(
  peer: Peer,
  file: Deno.FsFile,
  { hash, left }: { hash: Hash; left: number },
  onSent: OnBytes,
): Promise<void> {
  let [buffer, next] = [chunkBuffer(), chunkBuffer()];
  const most = peer.portionBytes;
  let count = await readSome(file, contentsOf(buffer).subarray(0, most), left);
  while (count > 0) {
    const sent = peer.sendChunk(buffer, count);
    sent.catch(() => {}); // It is awaited below.
    hash.update(contentsOf(buffer).subarray(0, count));
    const size = count;
    left -= size;
    count = await readSome(file, contentsOf(next).subarray(0, most), left);
    await sent;
    onSent(size);
    [buffer, next] = [next, buffer];
  }
  await peer.sendChunk(buffer, 0);
}

/** Reads what fits, but never more than the size that was announced. */
async function readSome(
  file: Deno.FsFile,
  buffer: Uint8Array,
  left: number,
): Promise<number> {
  if (left === 0) return 0;
  const count = await file.read(
    buffer.subarray(0, Math.min(buffer.length, left)),
  );
  if (count === null) throw new Refusal("it became shorter while it was sent");
  return count;
}

/** How much of what the other side has is the beginning of this file. */
async function known(
  file: Deno.FsFile,
  size: number,
  { from, sha256 }: MessageOf<"resume">,
  signal: AbortSignal,
): Promise<{ hash: Hash; from: number }> {
  if (from <= size) {
    const hash = createHash("sha256");
    const buffer = new Uint8Array(CHUNK_BYTES);
    for (let left = Number(from); left > 0;) {
      signal.throwIfAborted();
      const count = await readSome(file, buffer, left);
      hash.update(buffer.subarray(0, count));
      left -= count;
    }
    if (hash.copy().digest().equals(Buffer.from(sha256))) {
      return { hash, from: Number(from) };
    }
    await file.seek(0, Deno.SeekMode.Start);
  }
  return { hash: createHash("sha256"), from: 0 };
}

/**
 * Receives a file to where it goes.
 *
 * @returns Its SHA-256, in hexadecimal.
 * @throws {Refusal} It cannot be stored, or is not what was sent.
 */
export async function receiveFile(
  peer: Peer,
  part: Target,
  { size: expected, onBytes = () => {} }: ReceiveOptions = {},
): Promise<string> {
  await peer.send({
    type: "resume",
    from: BigInt(part.size),
    sha256: part.sha256(),
  });
  const begin = await peer.expect("begin");
  const size = Number(begin.size);
  if (size > Number.MAX_SAFE_INTEGER) throw new Refusal("it is too large");
  if (expected !== undefined && size !== expected) {
    throw new Refusal(
      `it is ${size} bytes and not ${expected} as listed: get it again`,
    );
  }
  if (begin.from === 0n) await part.clear();
  else if (begin.from !== BigInt(part.size)) throw outOfStep();
  onBytes(part.size, true);
  await receiveContents(peer, part, size, onBytes);
  const { sha256 } = await peer.expect("digest");
  await part.finish(sha256);
  await peer.send({ type: "stored", size: begin.size });
  return Buffer.from(sha256).toString("hex");
}

/** Receives and writes at the same time: one buffer fills while the other is written. */
async function receiveContents(
  peer: Peer,
  part: Target,
  size: number,
  onBytes: OnBytes,
): Promise<void> {
  let [buffer, next] = [
    new Uint8Array(CHUNK_BYTES),
    new Uint8Array(CHUNK_BYTES),
  ];
  let written = Promise.resolve();
  let full = true;
  try {
    while (full) {
      const count = await peer.receiveContents(buffer, (count) => {
        part.touch();
        onBytes(count);
      });
      full = count === buffer.length;
      await written;
      if (part.size + count > size) throw outOfStep();
      written = part.append(buffer.subarray(0, count));
      written.catch(() => {}); // It is awaited at the next turn.
      [buffer, next] = [next, buffer];
    }
  } finally {
    await written;
  }
  if (part.size !== size) throw outOfStep();
}

function outOfStep(): MalformedFrameError {
  return new MalformedFrameError(
    "Cannot go on: the contents must be as long as was announced, and are not",
  );
}
