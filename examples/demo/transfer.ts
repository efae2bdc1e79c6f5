/**
 * Clients that send files to an echo, frame by frame, and check what comes back.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { connect, type Framed, framed } from "@sluice/net";
import type { CheckoutFile } from "./checkout_files.ts";
import { type Chunk, CHUNK_BYTES, chunks } from "./chunk.ts";

/** What the clients carried. */
export interface TransferReport {
  /** Files that came back, all clients together. */
  files: number;
  /** Those among them whose SHA-256 differs from what was sent. */
  damaged: string[];
  /** Bytes of files that went there and back. */
  bytes: number;
  /** How long it took. */
  seconds: number;
}

/** What {@linkcode transfer} may be told. */
export interface TransferOptions {
  /** Where the echo listens, on 127.0.0.1. */
  port: number;
  /** Clients at once. */
  clients: number;
  /** Called with the bytes that came back. */
  onBytes: (bytes: number) => void;
}

/**
 * Sends every file from every client at once.
 *
 * @param root Folder that the paths start from.
 * @param files What to send.
 * @param options Where to, and how many times at once.
 */
export async function transfer(
  root: string,
  files: readonly CheckoutFile[],
  { port, clients, onBytes }: TransferOptions,
): Promise<TransferReport> {
  const started = performance.now();
  const report = { files: 0, damaged: [] as string[], bytes: 0 };
  await Promise.all(Array.from({ length: clients }, async () => {
    await using socket = await connect({ port, timeoutMs: 2_000 });
    const connection = framed(socket, chunks);
    // Both at once: a client that only sends would stop when the way is full.
    const [sent, received] = await Promise.all([
      sendFiles(connection, files.map(({ path }) => `${root}/${path}`)),
      receiveFiles(connection, files.length, onBytes),
    ]);
    files.forEach(({ path }, index) => {
      if (sent[index] !== received.hashes[index]) report.damaged.push(path);
    });
    report.files += received.hashes.length;
    report.bytes += received.bytes;
  }));
  return { ...report, seconds: (performance.now() - started) / 1000 };
}

/** Sends files one after the other, and gives the hash of each. */
async function sendFiles(
  connection: Framed<Chunk>,
  paths: readonly string[],
): Promise<string[]> {
  const hashes: string[] = [];
  const buffer = new Uint8Array(CHUNK_BYTES);
  for (const [file, path] of paths.entries()) {
    const hash = createHash("sha256");
    using source = await Deno.open(path);
    let last = false;
    while (!last) {
      const count = await source.read(buffer);
      last = count === null;
      const data = buffer.subarray(0, count ?? 0);
      hash.update(data);
      // Waits while the server is behind, so a large file takes no more memory.
      await connection.send({ file, last, data });
    }
    hashes.push(hash.digest("hex"));
  }
  await connection.flush();
  return hashes;
}

/** Receives as many files, and gives the hash of each. */
async function receiveFiles(
  connection: Framed<Chunk>,
  count: number,
  onBytes: (bytes: number) => void,
): Promise<{ hashes: string[]; bytes: number }> {
  const hashes: string[] = [];
  let bytes = 0;
  let hash = createHash("sha256");
  for (let open = count; open > 0;) {
    const chunk = await connection.receive({ timeoutMs: 5_000 });
    if (chunk === null) throw new Error("the server ended early");
    if (chunk.file !== hashes.length) {
      throw new Error("the server mixed up files");
    }
    hash.update(chunk.data);
    bytes += chunk.data.length;
    onBytes(chunk.data.length);
    if (!chunk.last) continue;
    hashes.push(hash.digest("hex"));
    hash = createHash("sha256");
    open--;
  }
  return { hashes, bytes };
}
