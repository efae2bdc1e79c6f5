/**
 * A folder that nothing leaves: paths from the network are looked up in it, and
 * neither `..` nor a link leads out of it.
 *
 * @module
 */

import {
  isSafeName,
  MAX_LEVELS,
  safeNames,
  UnsafePathError,
} from "../_safe_path.ts";
import { type Attributes, attributesOf, isUnchanged } from "./attributes.ts";
import { explained } from "./disk_error.ts";
import { Refusal } from "./messages.ts";
import { isPartName } from "./part_name.ts";

const SEPARATOR = Deno.build.os === "windows" ? "\\" : "/";
/** Most files and folders that one list looks at. */
export const MAX_ENTRIES = 100_000;

/** A file that can be sent. */
export interface Entry {
  /** From the folder, with slashes. */
  path: string;
  /** In bytes. */
  size: number;
  /** When it was changed, and its mode, where the server said so. */
  attributes?: Attributes;
}

/** Options of {@linkcode Folder.entries}. */
export interface EntriesOptions {
  /** Ends the list: its reader has left. */
  signal?: AbortSignal;
  /**
   * Most files and folders to look at.
   *
   * @default {100_000}
   */
  maxEntries?: number;
  /** Called with what is not among the entries, and why; not for links. */
  onLeftOut?: (path: string, why: string) => void;
}

/**
 * The names in a path from the network.
 *
 * @throws {Refusal} It is absolute, leads upwards, or a name in it is odd.
 */
export function namesIn(path: string): string[] {
  try {
    const names = safeNames(path);
    if (!names.some(isPartName)) return names;
  } catch (error) {
    if (error instanceof UnsafePathError) throw new Refusal(error.message);
    throw error;
  }
  throw new Refusal(
    "its path must be relative and of names that every system takes: parts of files have such a name",
  );
}

/** A folder, and the paths in it. */
export class Folder {
  /** The folder itself, with all links followed: what Deno must allow. */
  readonly root: string;

  private constructor(root: string) {
    this.root = root;
  }

  /**
   * Opens a folder.
   *
   * @param create Whether it is made where there is none.
   * @throws {Refusal} There is no such folder.
   */
  static async open(path: string, create = false): Promise<Folder> {
    try {
      if (create) await Deno.mkdir(path, { recursive: true });
      const { isDirectory } = await Deno.stat(path);
      if (isDirectory) return new Folder(await Deno.realPath(path));
    } catch (error) {
      if (!isMissing(error) && !(error instanceof Deno.errors.AlreadyExists)) {
        throw error;
      }
    }
    throw new Refusal(`there is no folder ${path}`);
  }

  /**
   * Where a file is that is to be read.
   *
   * @throws {Refusal} There is none, or something else has the name.
   */
  async find(path: string): Promise<string> {
    const found = this.#join(namesIn(path));
    const info = await this.#look(found);
    if (info?.isFile) return found;
    throw new Refusal("there is no such file");
  }

  /** When a file was changed, and its mode; undefined if it is not there any more. */
  async attributes(path: string): Promise<Attributes | undefined> {
    const info = await statOf(this.#join(namesIn(path)));
    return info && attributesOf(info);
  }

  /** Whether a file has the path that is as large as another one, and as old. */
  async hasUnchanged(
    path: string,
    other: { size: number; modifiedMs: bigint },
  ): Promise<boolean> {
    const info = await this.#look(this.#join(namesIn(path)));
    return info !== undefined && isUnchanged(info, other);
  }

  /** Whether something has the path already. */
  async has(path: string): Promise<boolean> {
    return await statOf(this.#join(namesIn(path))) !== undefined;
  }

  /**
   * Where a file is to be written; the folders on the way are made.
   *
   * @throws {Refusal} A link or a file is in the way.
   */
  async place(path: string): Promise<string> {
    const names = namesIn(path);
    let folder = this.root;
    // A link must be seen before anything is made behind it.
    for (const name of names.slice(0, -1)) {
      folder += SEPARATOR + name;
      let info = await statOf(folder);
      if (info === undefined) {
        await Deno.mkdir(folder).catch((error) => {
          if (error instanceof Deno.errors.AlreadyExists) return;
          throw explained(error);
        });
        info = await statOf(folder);
      }
      if (!info?.isDirectory) throw new Refusal(`${name} is not a folder`);
    }
    let real: string;
    try {
      real = await Deno.realPath(folder);
    } catch (error) {
      if (!isMissing(error)) throw error;
      throw new Refusal("the folder that it belongs into is gone");
    }
    // On some systems two spellings are one folder: only one of them is taken.
    if (real !== folder) {
      throw new Refusal("a folder on its way has another name");
    }
    const target = folder + SEPARATOR + names.at(-1);
    const info = await statOf(target);
    if (info !== undefined && !info.isFile) {
      throw new Refusal("something that is not a file has its name");
    }
    return target;
  }

  #join(names: string[]): string {
    return [this.root, ...names].join(SEPARATOR);
  }

  /**
   * What is at a path, links not followed; undefined where a link is on the way.
   * Another program of this machine could still put a link there afterwards: it can
   * write into the folder anyway.
   */
  async #look(path: string): Promise<Deno.FileInfo | undefined> {
    const info = await statOf(path);
    if (info === undefined || info.isSymlink) return info;
    return await Deno.realPath(path) === path ? info : undefined;
  }

  /**
   * All files at or below a path, in order; everywhere if it is empty. What could not
   * be asked for is not offered, links are not followed.
   *
   * @throws {Refusal} There is nothing, or so much that a list of it would not end.
   */
  async *entries(
    path: string,
    { signal, maxEntries = MAX_ENTRIES, onLeftOut = () => {} }: EntriesOptions =
      {},
  ): AsyncGenerator<Entry> {
    const names = path === "" ? [] : namesIn(path);
    const info = await this.#look(this.#join(names));
    if (info?.isFile) {
      yield { path, size: info.size };
      return;
    }
    if (!info?.isDirectory) {
      throw new Refusal("there is no such file or folder");
    }
    let left = maxEntries;
    /** The names of the folder on each level that are still to be looked at, last first. */
    const levels = [await readNames(this.#join(names), names)];
    while (levels.length > 0) {
      const name = levels.at(-1)!.pop();
      if (name === undefined) {
        levels.pop();
        names.pop();
        continue;
      }
      signal?.throwIfAborted();
      const inner = [...names, name];
      const found = this.#join(inner);
      const path = inner.join("/");
      let info: Deno.FileInfo | undefined;
      try {
        info = await statOf(found);
      } catch (error) {
        if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
        onLeftOut(path, NOT_READABLE);
        continue;
      }
      if (info?.isFile) yield { path, size: info.size };
      else if (info?.isDirectory) {
        if (inner.length === MAX_LEVELS) onLeftOut(path, "it is too deep");
        else {
          levels.push(await readNames(found, inner));
          names.push(name);
        }
      } else if (info !== undefined) {
        onLeftOut(path, "it is neither a file nor a folder");
      } else if (name.includes("\ufffd")) {
        // Deno puts U+FFFD for bytes that are no text, and finds nothing of that name.
        onLeftOut(path, "its name is not UTF-8");
      } // Else it has just vanished.
    }

    async function readNames(
      folder: string,
      above: readonly string[],
    ): Promise<string[]> {
      const names: string[] = [];
      try {
        for await (const { name, isSymlink } of Deno.readDir(folder)) {
          signal?.throwIfAborted();
          if (left-- === 0) {
            throw new Refusal(
              `there are more than ${maxEntries} files and folders: ask for one of the folders`,
            );
          }
          if (isSymlink) continue;
          const why = whyNotNamed(name);
          if (why === undefined) names.push(name);
          else onLeftOut([...above, name].join("/"), why);
        }
      } catch (error) {
        if (error instanceof Deno.errors.PermissionDenied) {
          onLeftOut(above.join("/"), NOT_READABLE);
        } else if (!isMissing(error)) throw error; // It has just vanished.
      }
      return names.sort().reverse();
    }
  }
}

const NOT_READABLE = "this user may not read it";

/** Why a file of this name cannot be asked for; undefined where it can. */
function whyNotNamed(name: string): string | undefined {
  if (isPartName(name)) return "it is the part of a file";
  return isSafeName(name) ? undefined : "not every system takes its name";
}

/** What has a path, links not followed; undefined if nothing does. */
async function statOf(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.lstat(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound ||
    error instanceof Deno.errors.NotADirectory;
}
