/**
 * A NATS server of the tests' own, which can be killed and started again.
 *
 * @module
 */

import { freePort } from "./free_port.ts";
import { program } from "./programs.ts";

/** A NATS server on a port of 127.0.0.1; disposing of it ends it and removes its folder. */
export class NatsServer implements AsyncDisposable {
  readonly port: number;
  readonly #folder: string;
  #process: Deno.ChildProcess | undefined;

  private constructor(port: number, folder: string) {
    this.port = port;
    this.#folder = folder;
  }

  /** @param settings Lines of its configuration, for instance `max_pending: 1MB`. */
  static async start(settings = ""): Promise<NatsServer> {
    const folder = await Deno.makeTempDir();
    const server = new NatsServer(freePort(), folder);
    await Deno.writeTextFile(
      `${folder}/nats.conf`,
      `host: 127.0.0.1\nport: ${server.port}\n${settings}\n`,
    );
    await server.start();
    return server;
  }

  /** Starts it again, on the same port. */
  async start(): Promise<void> {
    const process = new Deno.Command(program("nats-server"), {
      args: ["--config", `${this.#folder}/nats.conf`],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.#process = process;
    const ready = Promise.withResolvers<void>();
    (async () => {
      let printed = "";
      const lines = process.stderr.pipeThrough(new TextDecoderStream());
      for await (const text of lines) {
        if (printed.length < 100_000) printed += text;
        if (printed.includes("Server is ready")) ready.resolve();
      }
      ready.reject(new Error(`nats-server has ended: ${printed}`));
    })();
    await ready.promise;
  }

  /** Kills it: what it holds is lost. */
  async kill(): Promise<void> {
    this.#process?.kill("SIGKILL");
    await this.#process?.status;
    this.#process = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await Deno.remove(this.#folder, { recursive: true });
  }
}
