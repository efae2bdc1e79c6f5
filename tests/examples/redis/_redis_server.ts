/**
 * A real Redis server on a free port of its own, for tests.
 *
 * @module
 */

import { freePort } from "../../_support/free_port.ts";
import { program } from "../../_support/programs.ts";

/** A `redis-server` that runs; disposing of it kills it. */
export class RedisServer implements AsyncDisposable {
  readonly port: number;
  readonly #child: Deno.ChildProcess;
  readonly #folder: string;

  private constructor(
    port: number,
    child: Deno.ChildProcess,
    folder: string,
  ) {
    this.port = port;
    this.#child = child;
    this.#folder = folder;
  }

  /**
   * Starts one that writes nothing to disk.
   *
   * @param port The port of one that was stopped, to start it again; a free one by default.
   */
  static async start(
    { port = freePort(), args = [] }: { port?: number; args?: string[] } = {},
  ): Promise<RedisServer> {
    const folder = await Deno.makeTempDir({ prefix: "sluice-redis-" });
    const child = new Deno.Command(program("redis-server"), {
      // deno-fmt-ignore
      args: [
        "--port", String(port), "--bind", "127.0.0.1", "--save", "",
        "--appendonly", "no", "--dir", folder, ...args,
      ],
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const server = new RedisServer(port, child, folder);
    let text = "";
    const decoder = new TextDecoder();
    const reader = child.stdout.getReader();
    while (!text.includes("Ready to accept connections")) {
      const { value, done } = await reader.read();
      if (done) {
        await server[Symbol.asyncDispose]();
        throw new Error(`redis-server ended: ${text}`);
      }
      text += decoder.decode(value, { stream: true });
    }
    // It goes on writing its log.
    server.#draining = (async () => {
      while (!(await reader.read()).done);
    })();
    return server;
  }

  #draining: Promise<void> | undefined;
  #over = false;

  /** Kills it, as a crash would. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await this.#child.status;
    await (this.#draining ?? this.#child.stdout.cancel().catch(() => {}));
    await Deno.remove(this.#folder, { recursive: true });
  }
}
