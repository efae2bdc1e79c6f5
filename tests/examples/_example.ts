/**
 * Runs examples as their users do: as programs, with exactly the permissions of their
 * first line.
 *
 * @module
 */

import { withImportMap } from "../../tools/_command.ts";
import { exampleArguments } from "../../tools/_examples.ts";
import { findStdSource } from "../../tools/_std.ts";

const ROOT = new URL("../../", import.meta.url);

/**
 * The arguments of `deno` that run an example, its file last. Quietly: on a new machine
 * Deno would tell what it downloads in between what the example says.
 *
 * @param name Its file in `examples/`, without the ending.
 */
export async function exampleCommand(name: string): Promise<string[]> {
  const [run, ...rest] = await exampleArguments(name);
  return withImportMap([run, "--quiet", ...rest], await findStdSource());
}

/** How an example ended. */
export interface Ending {
  /** Its exit code. */
  code: number;
  /** All of its standard output. */
  output: string;
  /** All of its standard error. */
  errors: string;
}

/** An example that runs; disposing of it kills it. */
export class Example implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #output: Promise<void>;
  readonly #errors: Promise<void>;
  #text = "";
  #complaints = "";
  #more = Promise.withResolvers<void>();
  /** Its streams that have not ended. */
  #open = 2;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#input = child.stdin.getWriter();
    this.#output = this.#follow(child.stdout, (text) => this.#text += text);
    this.#errors = this.#follow(
      child.stderr,
      (text) => this.#complaints += text,
    );
  }

  /**
   * Starts an example.
   *
   * @param name Its file in `examples/`, without the ending.
   * @param args Its own arguments.
   */
  static async start(name: string, ...args: string[]): Promise<Example> {
    return Example.spawn(Deno.execPath(), {
      args: [...await exampleCommand(name), ...args],
      cwd: ROOT,
    });
  }

  /** Starts a program with the same comfort, for instance an example in another folder. */
  static spawn(
    program: string,
    options: { args: string[]; cwd: URL | string },
  ): Example {
    const child = new Deno.Command(program, {
      ...options,
      env: { NO_COLOR: "1" },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    return new Example(child);
  }

  /** Waits until a pattern is in the output so far, and gives what matched. */
  printed(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#found(pattern, () => this.#text);
  }

  /** Waits until a pattern is in the errors so far, and gives what matched. */
  complained(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#found(pattern, () => this.#complaints);
  }

  async #found(pattern: RegExp, text: () => string): Promise<RegExpExecArray> {
    while (true) {
      const match = pattern.exec(text());
      if (match !== null) return match;
      if (this.#open === 0) {
        throw new Error(
          `It never printed ${pattern}, but: ${this.#text}\n${this.#complaints}`,
        );
      }
      await this.#more.promise;
    }
  }

  /** The id of its process. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Types text, or pipes bytes in. */
  async type(text: string | Uint8Array): Promise<void> {
    const isText = typeof text === "string";
    await this.#input.write(isText ? new TextEncoder().encode(text) : text);
  }

  /** Presses Ctrl-C. */
  interrupt(): void {
    this.#child.kill("SIGINT");
  }

  /** Waits for the program to end by itself, with its input open. Gives its exit code. */
  async status(): Promise<number> {
    return (await this.#child.status).code;
  }

  /** Ends the input, and waits for the program to end by itself. */
  async ended(): Promise<Ending> {
    await this.#input.close().catch(() => {});
    const { code } = await this.#child.status;
    await Promise.all([this.#output, this.#errors]);
    return { code, output: this.#text, errors: this.#complaints };
  }

  async #follow(
    stream: ReadableStream<Uint8Array>,
    add: (text: string) => void,
  ): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      add(decoder.decode(chunk, { stream: true }));
      this.#wake();
    }
    this.#open--;
    this.#wake();
  }

  #wake(): void {
    this.#more.resolve();
    this.#more = Promise.withResolvers();
  }

  /** Kills it, if it still runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await this.ended();
  }
}

/** Runs an example from start to end, with nothing typed. */
export async function runExample(
  name: string,
  ...args: string[]
): Promise<Ending> {
  await using example = await Example.start(name, ...args);
  return await example.ended();
}

/** Starts a server example on a free port, and says where it listens. */
export async function startServer(
  name: string,
  ...args: string[]
): Promise<{ server: Example; address: string; port: number }> {
  const server = await Example.start(
    name,
    "--listen",
    "127.0.0.1:0",
    ...args,
  );
  try {
    const [, address, port] = await server.printed(/on (127\.0\.0\.1:(\d+))/);
    return { server, address, port: Number(port) };
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}
