import { type Usage, usageOf } from "./usage.ts";

/** How to start a program. */
export interface CommandLine {
  /** Path or name of the program. */
  program: string;
  /** Its arguments. */
  args: readonly string[];
  /** Variables of its environment, beside those of the bench. None by default. */
  env?: Readonly<Record<string, string>>;
}

/** Children that run; none may outlive the bench. */
const running = new Set<Deno.ChildProcess>();

/** Ends every child with the bench, also when it is interrupted. */
export function endChildrenWithUs(): void {
  const killAll = () => running.forEach(kill);
  globalThis.addEventListener("unload", killAll);
  const signals: Deno.Signal[] = Deno.build.os === "windows"
    ? ["SIGINT"]
    : ["SIGINT", "SIGTERM"];
  for (const signal of signals) {
    Deno.addSignalListener(signal, () => {
      killAll();
      Deno.exit(130);
    });
  }
}

function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

/**
 * A program that talks in lines, and is killed when it is disposed of.
 *
 * The end of its standard error is part of every error about it.
 */
export class ChildProcess implements AsyncDisposable {
  readonly #command: CommandLine;
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #silence: Promise<void>;
  #errorOutput = "";
  #rest = "";

  /** Starts it. */
  constructor(command: CommandLine) {
    this.#command = command;
    this.#child = new Deno.Command(command.program, {
      args: [...command.args],
      env: command.env,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    running.add(this.#child);
    this.#lines = this.#child.stdout.pipeThrough(new TextDecoderStream())
      .getReader();
    this.#input = this.#child.stdin.getWriter();
    this.#silence = this.#listen(this.#child.stderr);
  }

  /** What it last said on standard error. */
  get errorOutput(): string {
    return this.#errorOutput.trim();
  }

  async #listen(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
      this.#errorOutput = (this.#errorOutput + chunk).slice(-1_000);
    }
  }

  /**
   * What it has used so far; nothing where the system does not tell.
   *
   * @throws {Error} It has ended.
   */
  async usage(): Promise<Usage | undefined> {
    try {
      return await usageOf(this.#child.pid);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      throw new Error(await this.#obituary(), { cause: error });
    }
  }

  /**
   * The next line of its standard output.
   *
   * @param timeoutMs Longest to wait; it is killed then.
   * @throws {Error} It ended, or the time is up.
   */
  async readLine(timeoutMs: number): Promise<string> {
    const timer = setTimeout(() => kill(this.#child), timeoutMs);
    try {
      while (!this.#rest.includes("\n")) {
        const { value, done } = await this.#lines.read();
        if (done) throw new Error(await this.#obituary());
        this.#rest += value;
      }
    } finally {
      clearTimeout(timer);
    }
    const end = this.#rest.indexOf("\n");
    const line = this.#rest.slice(0, end);
    this.#rest = this.#rest.slice(end + 1);
    return line;
  }

  /** Writes a line to its standard input. */
  async writeLine(line: string): Promise<void> {
    await this.#input.write(new TextEncoder().encode(`${line}\n`));
  }

  async #obituary(): Promise<string> {
    const { code, signal } = await this.#child.status;
    const { program, args } = this.#command;
    const name = [program, ...args].map((word) => word.replace(/^.*[\\/]/, ""))
      .join(" ");
    const how = signal ?? `code ${code}`;
    await this.#silence;
    return `${name} ended with ${how}: ${
      this.errorOutput || "it said nothing"
    }`;
  }

  /** Kills it and waits until it is gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    kill(this.#child);
    await this.#child.status;
    running.delete(this.#child);
    await Promise.allSettled([
      this.#lines.cancel(),
      this.#input.abort(),
      this.#silence,
    ]);
  }
}
