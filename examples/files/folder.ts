/**
 * A folder that nothing leaves: paths from the network are looked up in it, and
 * neither `..` nor a link leads out of it.
 *
 * @module
 */

import { Refusal } from "./messages.ts";
import { isPartName } from "./part_name.ts";

const SEPARATOR = Deno.build.os === "windows" ? "\\" : "/";
const MAX_PATH_BYTES = 4_000;
const MAX_NAME_BYTES = 240;
/** What some system does not take in a name, or takes for something else. */
// deno-lint-ignore no-control-regex -- control characters are among it
const ODD = /[\x00-\x1f\x7f\\/:*?"<>|]|[ .]$|^ /;
const DEVICE = /^(con|prn|aux|nul|com\d|lpt\d)(\..*)?$/i;

/** A file that can be sent. */
export interface Entry {
  /** From the folder, with slashes. */
  path: string;
  /** In bytes. */
  size: number;
}

/**
 * The names in a path from the network.
 *
 * @throws {Refusal} It is absolute, leads upwards, or a name in it is odd.
 */
export function namesIn(path: string): string[] {
  const names = path.split("/");
  const odd = names.find((name) =>
    name === "" || ODD.test(name) || DEVICE.test(name) || isPartName(name) ||
    byteLength(name) > MAX_NAME_BYTES || !name.isWellFormed()
  );
  if (odd === undefined && byteLength(path) <= MAX_PATH_BYTES) return names;
  throw new Refusal(
    "its path must be relative and of names that every system takes",
  );
}

/** A folder, and the paths in it. */
export class Folder {
  /** The folder itself, with all links followed. */
  readonly #root: string;

  private constructor(root: string) {
    this.#root = root;
  }

  /** @throws {Refusal} There is no such folder. */
  static async open(path: string): Promise<Folder> {
    try {
      const { isDirectory } = await Deno.stat(path);
      if (isDirectory) return new Folder(await Deno.realPath(path));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    throw new Refusal(`there is no folder ${path}`);
  }

  /**
   * Where a file is that is to be read.
   *
   * @throws {Refusal} There is none, or something else has the name.
   */
  async find(path: string): Promise<string> {
    const names = namesIn(path);
    const found = [this.#root, ...names].join(SEPARATOR);
    const info = await this.#look(found);
    if (info === undefined || !info.isFile) {
      throw new Refusal("there is no such file");
    }
    return found;
  }

  /**
   * Where a file is to be written; the folders on the way are made.
   *
   * @throws {Refusal} A link or a file is in the way.
   */
  async place(path: string): Promise<string> {
    const names = namesIn(path);
    let folder = this.#root;
    for (const name of names.slice(0, -1)) {
      folder += SEPARATOR + name;
      await Deno.mkdir(folder).catch((error) => {
        if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
      });
      const info = await this.#look(folder);
      if (!info?.isDirectory) throw new Refusal(`${name} is not a folder`);
    }
    const target = folder + SEPARATOR + names.at(-1);
    const info = await this.#look(target);
    if (info !== undefined && !info.isFile) {
      throw new Refusal("something that is not a file has its name");
    }
    return target;
  }

  /**
   * What is at a path, links not followed; undefined where a link is on the way.
   * Somebody on this machine could still put a link there afterwards: such people
   * can write into the folder anyway.
   */
  async #look(path: string): Promise<Deno.FileInfo | undefined> {
    try {
      const info = await Deno.lstat(path);
      // A link is neither a file nor a folder.
      if (info.isSymlink || await Deno.realPath(path) === path) return info;
      return undefined;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  /** All files at or below a path, in order; everywhere if it is empty. */
  async *entries(path: string): AsyncGenerator<Entry> {
    const at = path === ""
      ? this.#root
      : [this.#root, ...namesIn(path)].join(SEPARATOR);
    const info = await this.#look(at);
    if (info?.isFile) {
      yield { path, size: info.size };
      return;
    }
    if (!info?.isDirectory) {
      throw new Refusal("there is no such file or folder");
    }
    const names: string[] = [];
    for await (const { name, isSymlink } of Deno.readDir(at)) {
      if (!isSymlink && !isPartName(name)) names.push(name);
    }
    for (const name of names.sort()) {
      const inner = path === "" ? name : `${path}/${name}`;
      // What could not be asked for is not offered; what just vanished neither.
      try {
        yield* this.entries(inner);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
      }
    }
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound ||
    error instanceof Deno.errors.NotADirectory;
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}
