/**
 * A file that is on its way.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { sleep } from "@sluice/net";
import { type Attributes, keepAttributes } from "./attributes.ts";
import { explained } from "./disk_error.ts";
import type { Folder } from "./folder.ts";
import { Refusal } from "./messages.ts";
import { partName } from "./part_name.ts";
import { CHUNK_BYTES } from "./peer.ts";

/** The parts that are being written: two writers would garble a file. */
const underWay = new Map<string, PartFile | "opening">();
/** A writer that is silent for so long has been cut off; its client has come back. */
const QUIET_MS = 2_000;
/** How much longer it may be silent before another client takes the file. */
const QUIET_FOR_OTHERS_MS = 15_000;
/** How long a client waits for a writer that is not silent. */
const PATIENCE_MS = 4_000;

/** Options of {@linkcode PartFile.open}. */
export interface PartOptions {
  /**
   * Whose part it is: the address of its client.
   *
   * @default {""}
   */
  owner?: string;
  /**
   * Whether a file that has the name already is replaced.
   *
   * @default {true}
   */
  replace?: boolean;
  /** When the file was changed, and its mode: it keeps them as far as is safe. */
  attributes?: Attributes;
  /** Ends the reading of what is there already: its client has left. */
  signal?: AbortSignal;
}

/**
 * The part of a file that has come so far. It keeps another name until all of it is
 * there and proven; then it takes its own in one step, so that no reader ever sees half
 * a file. What came before the connection was cut stays for the next attempt.
 */
export class PartFile implements AsyncDisposable {
  readonly #target: string;
  readonly #path: string;
  readonly #file: Deno.FsFile;
  readonly #owner: string;
  readonly #replace: boolean;
  readonly #attributes: Attributes | undefined;
  #hash = createHash("sha256");
  #size = 0;
  #lastMs = performance.now();
  #released = Promise.withResolvers<void>();
  #closed = false;

  private constructor(
    target: string,
    path: string,
    file: Deno.FsFile,
    { owner = "", replace = true, attributes }: PartOptions,
  ) {
    this.#target = target;
    this.#path = path;
    this.#file = file;
    this.#owner = owner;
    this.#replace = replace;
    this.#attributes = attributes;
  }

  /**
   * Opens the part of a file, and reads what is there already.
   *
   * @throws {Refusal} The path is refused, or another client is sending the file.
   */
  static async open(
    folder: Folder,
    path: string,
    options: PartOptions = {},
  ): Promise<PartFile> {
    const { owner = "", signal } = options;
    const target = await folder.place(path);
    const cut = target.length - path.split("/").at(-1)!.length;
    const partPath = target.slice(0, cut) + partName(target.slice(cut));
    await takeOver(partPath, owner);
    let file: Deno.FsFile;
    try {
      file = await openPart(partPath);
    } catch (error) {
      underWay.delete(partPath);
      throw explained(error);
    }
    const part = new PartFile(target, partPath, file, options);
    underWay.set(partPath, part);
    try {
      await part.#readAll(signal);
      return part;
    } catch (error) {
      part.#release();
      throw explained(error);
    }
  }

  /** Something of it has come, however little. */
  touch(): void {
    this.#lastMs = performance.now();
  }

  /** Whether its writer has been silent for so long that a client may go on with it. */
  isQuietFor(owner: string): boolean {
    return performance.now() - this.#lastMs >
      (owner === this.#owner ? QUIET_MS : QUIET_FOR_OTHERS_MS);
  }

  /** Resolves when this writer is done. */
  get released(): Promise<void> {
    return this.#released.promise;
  }

  /** Takes the part away from this writer. */
  revoke(): void {
    this.#release();
  }

  #release(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#file.close();
    underWay.delete(this.#path);
    this.#released.resolve();
  }

  async #readAll(signal: AbortSignal | undefined): Promise<void> {
    const buffer = new Uint8Array(CHUNK_BYTES);
    for (let count; (count = await this.#file.read(buffer)) !== null;) {
      signal?.throwIfAborted();
      this.touch();
      this.#hash.update(buffer.subarray(0, count));
      this.#size += count;
    }
  }

  /** Bytes that are there. */
  get size(): number {
    return this.#size;
  }

  /** SHA-256 of the bytes that are there. */
  sha256(): Uint8Array {
    return this.#hash.copy().digest();
  }

  /** Drops what is there. */
  async clear(): Promise<void> {
    await this.#file.truncate(0);
    await this.#file.seek(0, Deno.SeekMode.Start);
    this.#hash = createHash("sha256");
    this.#size = 0;
  }

  /**
   * Appends bytes, which must not change until the promise resolves.
   *
   * @throws {Refusal} The disk is full; what was written stays.
   */
  async append(bytes: Uint8Array): Promise<void> {
    if (this.#closed) throw new Refusal("another connection goes on with it");
    this.touch();
    const written = writeAll(this.#file, bytes);
    // While the disk is busy, the processor is not.
    this.#hash.update(bytes);
    this.#size += bytes.length;
    await written;
    this.touch();
  }

  /**
   * Gives the file its name, if it is what was sent.
   *
   * @throws {Refusal} It is not, and what was written is dropped; or another file has
   * its name meanwhile.
   */
  async finish(sha256: Uint8Array): Promise<void> {
    if (!Buffer.from(this.sha256()).equals(sha256)) {
      await this.clear();
      throw new Refusal(
        "its SHA-256 is another one than that of what was sent",
      );
    }
    if (this.#closed) throw new Refusal("another connection goes on with it");
    try {
      if (this.#attributes !== undefined) {
        await keepAttributes(this.#file, this.#path, this.#attributes);
      }
      if (this.#replace) await Deno.rename(this.#path, this.#target);
      else await renameNew(this.#path, this.#target);
    } catch (error) {
      throw explained(error);
    }
  }

  /** Closes the part; it stays where it is, unless nothing is in it. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    if (this.#size === 0) await Deno.remove(this.#path).catch(() => {});
    this.#release();
  }
}

/**
 * Waits until a part has no writer, and takes it.
 *
 * @throws {Refusal} It has one that goes on.
 */
async function takeOver(path: string, owner: string): Promise<void> {
  const began = performance.now();
  while (true) {
    const writer = underWay.get(path);
    if (writer === undefined) break;
    const open = writer !== "opening";
    if (open && writer.isQuietFor(owner)) {
      writer.revoke();
      break;
    }
    if (performance.now() - began > PATIENCE_MS) {
      throw new Refusal("another client is sending it");
    }
    const pause = new AbortController();
    await Promise.race([
      ...open ? [writer.released] : [],
      sleep(QUIET_MS / 10, { signal: pause.signal }).catch(() => {}),
    ]);
    pause.abort();
  }
  // At once, before another client looks.
  underWay.set(path, "opening");
}

/** Gives a file a name that no other has: in one step where the disk knows links. */
async function renameNew(from: string, to: string): Promise<void> {
  try {
    await Deno.link(from, to);
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) throw existing();
    const info = await Deno.lstat(to).catch(() => undefined);
    if (info !== undefined) throw existing();
    return await Deno.rename(from, to);
  }
  await Deno.remove(from);
}

function existing(): Refusal {
  return new Refusal(
    "another file has its name here: --overwrite replaces it",
  );
}

/** Opens a part for more; a link or a folder of its name is refused. */
async function openPart(path: string): Promise<Deno.FsFile> {
  const info = await Deno.lstat(path).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  });
  if (info !== undefined && !info.isFile) {
    throw new Refusal("something that is not a file has the name of its part");
  }
  const isNew = info === undefined;
  return await Deno.open(path, { read: true, write: true, createNew: isNew });
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  try {
    for (let done = 0; done < bytes.length;) {
      done += await file.write(bytes.subarray(done));
    }
  } catch (error) {
    throw explained(error);
  }
}
