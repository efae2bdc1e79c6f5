/**
 * The broker and the programs of Debian's `mosquitto` and `mosquitto-clients`.
 *
 * @module
 */

import { connect, retry } from "@sluice/net";
import { freePort } from "../../_support/free_port.ts";
import { findProgram, lacksPrograms } from "../../_support/programs.ts";
import { type Running, start } from "../../_support/run_program.ts";

/** What {@linkcode Mosquitto.start} may be told. */
export interface MosquittoOptions {
  /** Lines of its configuration file, beside the listener. */
  config?: string[];
  /** Whether each change is on disk before the broker goes on. */
  durable?: boolean;
  /** Speaks TLS with these. */
  tls?: { cert: string; key: string };
  /** A port that was free a moment ago, by default. */
  port?: number;
}

/** A broker on a port of its own; disposing of it ends it and removes its files. */
export class Mosquitto implements AsyncDisposable {
  readonly port: number;
  readonly #folder: string;
  #child: Deno.ChildProcess;

  private constructor(port: number, folder: string) {
    this.port = port;
    this.#folder = folder;
    this.#child = spawn(folder);
  }

  static async start(options: MosquittoOptions = {}): Promise<Mosquitto> {
    const { config = [], tls, durable = false, port = freePort() } = options;
    const folder = await Deno.makeTempDir({ prefix: "sluice_mqtt_" });
    // It gives up root's rights, and is to read and write here all the same.
    await Deno.chmod(folder, 0o777);
    const lines = [
      `listener ${port} 127.0.0.1`,
      "allow_anonymous true",
      // Else it waits up to 40 ms before it sends a small packet.
      "set_tcp_nodelay true",
      // It drops what is more, a thousand by default.
      "max_queued_messages 100000",
      ...config,
    ];
    if (durable) {
      lines.push(
        "persistence true",
        `persistence_location ${folder}/`,
        "autosave_on_changes true",
        "autosave_interval 1",
      );
    }
    for (const [name, text] of Object.entries(tls ?? {})) {
      const path = `${folder}/${name}.pem`;
      await Deno.writeTextFile(path, text);
      await Deno.chmod(path, 0o644);
      lines.push(`${name}file ${path}`);
    }
    await Deno.writeTextFile(`${folder}/mosquitto.conf`, lines.join("\n"));
    const broker = new Mosquitto(port, folder);
    await broker.#isThere();
    return broker;
  }

  async #isThere(): Promise<void> {
    await retry(async () => {
      using _ = await connect({ port: this.port });
    }, { attempts: 200, minDelayMs: 20, maxDelayMs: 50 });
  }

  /** It stops in the middle of whatever it does, and answers no more. */
  freeze(): void {
    this.#child.kill("SIGSTOP");
  }

  /** It goes on. */
  thaw(): void {
    this.#child.kill("SIGCONT");
  }

  /** It is gone at once, without a word to anyone. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
  }

  /** After `kill`: it is there again, with what it has on disk. */
  async restart(): Promise<void> {
    this.#child = spawn(this.#folder);
    await this.#isThere();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.#child.status;
    await Deno.remove(this.#folder, { recursive: true });
  }
}

/** Debian has the broker where only root's PATH leads. */
export function brokerPath(): string | undefined {
  return findProgram("mosquitto") ??
    findProgram("mosquitto", "/usr/sbin:/usr/local/sbin");
}

function spawn(folder: string): Deno.ChildProcess {
  return new Deno.Command(brokerPath()!, {
    args: ["-c", `${folder}/mosquitto.conf`],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
}

/** `mosquitto_pub` or `mosquitto_sub`. */
export function startTool(
  name: "mosquitto_pub" | "mosquitto_sub",
  port: number,
  ...args: string[]
): Running {
  return start(name, ["-h", "127.0.0.1", "-p", String(port), ...args]);
}

/** Publishes each line with `mosquitto_pub`, and waits until all are delivered. */
export async function publishLines(
  port: number,
  topic: string,
  lines: readonly string[],
  ...args: string[]
): Promise<void> {
  await using tool = startTool(
    "mosquitto_pub",
    port,
    ...["-t", topic, "-q", "1", "-l", ...args],
  );
  await tool.write(lines.map((line) => `${line}\n`).join(""));
  const { code, stderr } = await tool.finish();
  if (code !== 0) throw new Error(`mosquitto_pub: ${stderr}`);
}

/** Whether there is no broker, for a test's `ignore`; says so as {@linkcode lacksPrograms}. */
export function lacksBroker(): boolean {
  return brokerPath() === undefined && lacksPrograms("mosquitto");
}
