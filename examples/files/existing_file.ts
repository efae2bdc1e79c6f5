/**
 * A file that is here already: it is compared with the server's, and never changed.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { Refusal } from "./messages.ts";
import { CHUNK_BYTES } from "./peer.ts";
import type { Target } from "./transfer.ts";

/** A file that may be what the server has. */
export class ExistingFile implements Target {
  readonly size: number;
  readonly #sha256: Uint8Array;

  private constructor(size: number, sha256: Uint8Array) {
    this.size = size;
    this.#sha256 = sha256;
  }

  /** Reads a file. */
  static async read(path: string): Promise<ExistingFile> {
    using file = await Deno.open(path);
    const hash = createHash("sha256");
    const buffer = new Uint8Array(CHUNK_BYTES);
    let size = 0;
    for (let count; (count = await file.read(buffer)) !== null;) {
      hash.update(buffer.subarray(0, count));
      size += count;
    }
    return new ExistingFile(size, hash.digest());
  }

  /** SHA-256 of the file. */
  sha256(): Uint8Array {
    return this.#sha256;
  }

  /** Nothing waits for it. */
  touch(): void {}

  /**
   * The server has another file.
   *
   * @throws {Refusal} It would have to be replaced.
   */
  clear(): Promise<void> {
    return this.size === 0 ? Promise.resolve() : Promise.reject(another());
  }

  /**
   * The server has more.
   *
   * @throws {Refusal} It would have to be changed.
   */
  append({ length }: Uint8Array): Promise<void> {
    return length === 0 ? Promise.resolve() : Promise.reject(another());
  }

  /** @throws {Refusal} The server has another file. */
  finish(sha256: Uint8Array): Promise<void> {
    return Buffer.from(this.#sha256).equals(sha256)
      ? Promise.resolve()
      : Promise.reject(another());
  }
}

function another(): Refusal {
  return new Refusal(
    "another file has its name here: --overwrite replaces it",
  );
}
