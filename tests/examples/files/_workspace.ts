/**
 * A folder of its own for a test of file transfer, with a server in it.
 *
 * @module
 */

import { type Ending, Example, exampleCommand } from "../_example.ts";

const ROOT = new URL("../../../", import.meta.url);

/** A folder with `shared/` in it, which is removed at the end. */
export class Workspace implements AsyncDisposable {
  /** Flags of Deno beside those of the program's first line. */
  flags: string[] = [];

  private constructor(readonly path: string) {}

  static async create(): Promise<Workspace> {
    // Without links on the way: their permissions would be those of the other path.
    const path = await Deno.realPath(await Deno.makeTempDir());
    await Deno.mkdir(`${path}/shared`);
    return new Workspace(path);
  }

  /** Starts a program of `examples/files/` in the folder, with its own permissions. */
  async start(name: string, ...args: string[]): Promise<Example> {
    const command = await this.command(name, ...args);
    return Example.spawn(command[0], {
      args: command.slice(1),
      cwd: this.path,
    });
  }

  /** What {@linkcode Workspace.start} starts. */
  async command(name: string, ...args: string[]): Promise<string[]> {
    const command = await exampleCommand(`files/${name}`);
    const path = decodeURIComponent(new URL(command.pop()!, ROOT).pathname);
    return [Deno.execPath(), ...command, ...this.flags, path, ...args];
  }

  /** Runs a client from start to end. */
  async run(name: string, ...args: string[]): Promise<Ending> {
    await using example = await this.start(name, ...args);
    return await example.ended();
  }

  /** Starts a server of `shared/` on a free port. */
  async serve(
    ...args: string[]
  ): Promise<{ server: Example; address: string }> {
    const server = await this.start(
      "serve",
      "shared",
      "--listen",
      "127.0.0.1:0",
      ...args,
    );
    const [, address] = await server.printed(/on (127\.0\.0\.1:\d+)/);
    return { server, address };
  }

  /** Writes a file of random bytes, and gives them. */
  async write(path: string, size: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(size);
    for (let at = 0; at < size; at += 65_536) {
      crypto.getRandomValues(bytes.subarray(at, at + 65_536));
    }
    const folder = `${this.path}/${path}`.replace(/\/[^/]*$/, "");
    await Deno.mkdir(folder, { recursive: true });
    await Deno.writeFile(`${this.path}/${path}`, bytes);
    return bytes;
  }

  /** The bytes of a file; `undefined` if there is none. */
  async read(path: string): Promise<Uint8Array | undefined> {
    return await Deno.readFile(`${this.path}/${path}`).catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

/** A SHA-256 in hexadecimal. */
export async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", bytes as BufferSource);
  return new Uint8Array(digest).toHex();
}

/** Whether two files are the same; their bytes would be too many for a message. */
export function same(left?: Uint8Array, right?: Uint8Array): boolean {
  return left !== undefined && right !== undefined &&
    left.length === right.length && left.every((byte, i) => byte === right[i]);
}
