/**
 * Runs the commands of a chapter as its reader does, one after the other, and collects
 * what they print.
 *
 * A program whose name ends in `_server` goes on until the chapter starts the next one, or
 * ends. Programs that name port 8888 get a free port instead: another one may have that.
 *
 * @module
 */

import { type Block, CODE, commandsOf, outputsOf } from "./book.ts";

/** A program that a chapter runs, and how. */
interface Command {
  program: string;
  args: string[];
  file: string;
}

/** How long a program of the tutorial may take, with its start on a busy machine. */
const LIMIT_MS = 60_000;

const PORT = "8888";

/** Runs the `console` blocks of one chapter; keeps the server that is running. */
export class ChapterRun implements AsyncDisposable {
  readonly #port: string;
  #server?: RunningServer;
  /** How many lines the chapter says that it prints; none where it is new. */
  #lines = 0;

  /** @param port A port that is free, for the programs that name one. */
  constructor(port: number) {
    this.#port = String(port);
  }

  /**
   * Runs the commands of a block.
   *
   * @returns What each printed; of a server, a promise that settles when it has ended.
   */
  async run(block: Block): Promise<Promise<string>[]> {
    const outputs: Promise<string>[] = [];
    const expected = outputsOf(block);
    for (const [index, line] of commandsOf(block).entries()) {
      const command = parseCommand(line);
      if (/_server\.\w+$/.test(command.file)) {
        await this.stop();
        this.#server = await RunningServer.start(command, this.#port);
        this.#lines = expected[index].split("\n").length - 1;
        outputs.push(this.#server.output);
      } else {
        outputs.push(Promise.resolve(await runOnce(command, this.#port)));
      }
    }
    return outputs;
  }

  /** Ends the server that is running, once it has printed what the chapter says. */
  async stop(): Promise<void> {
    await this.#server?.stop(this.#lines);
    this.#server = undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** Takes `deno run --allow-net=127.0.0.1 01_echo.ts` apart. */
export function parseCommand(line: string): Command {
  const [program, ...args] = line.split(" ");
  const file = args.find((arg) => /\.(ts|py)$/.test(arg));
  if ((program !== "deno" && program !== "python3") || file === undefined) {
    throw new Error(
      `Cannot run "${line}": it must be a program of the tutorial`,
    );
  }
  return { program, args, file };
}

async function spawn(
  { program, args, file }: Command,
  port: string,
): Promise<Deno.ChildProcess> {
  const source = await Deno.readTextFile(new URL(file, CODE));
  const usesPort = source.includes(PORT);
  const child = new Deno.Command(
    program === "deno" ? Deno.execPath() : program,
    {
      args: args.map((arg) =>
        usesPort && arg === file ? "-" : arg.replace(PORT, port)
      ),
      cwd: CODE,
      env: { NO_COLOR: "1", PYTHONUNBUFFERED: "1" },
      stdin: usesPort ? "piped" : "null",
      stdout: "piped",
      stderr: "piped",
    },
  ).spawn();
  if (usesPort) {
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(source.replaceAll(PORT, port)));
    await writer.close();
  }
  return child;
}

async function runOnce(command: Command, port: string): Promise<string> {
  const child = await spawn(command, port);
  const timer = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
  try {
    const { code, stdout, stderr } = await child.output();
    const text = [stdout, stderr].map((bytes) =>
      new TextDecoder().decode(bytes)
    )
      .join("");
    const failed = /^(error|Error|Traceback)\b/m.test(text);
    if ((code !== 0) !== failed) {
      throw new Error(`${command.file} ended with code ${code}:\n${text}`);
    }
    return clean(text).replaceAll(port, PORT);
  } finally {
    clearTimeout(timer);
  }
}

/** Without what depends on the machine: the calls that led to an error, and downloads. */
function clean(text: string): string {
  return text.split("\n").filter((line) => !/^(\s+at|Download) /.test(line))
    .join("\n");
}

/** A program that serves until it is told to stop. */
class RunningServer {
  readonly output: Promise<string>;
  readonly #child: Deno.ChildProcess;
  readonly #port: string;
  #text = "";

  private constructor(
    child: Deno.ChildProcess,
    stdout: ReadableStreamDefaultReader<string>,
    first: string,
    port: string,
  ) {
    this.#child = child;
    this.#port = port;
    this.#text = first;
    this.output = this.#collect(stdout);
  }

  /** Starts a server; resolves when it has printed its first line. */
  static async start(command: Command, port: string): Promise<RunningServer> {
    const child = await spawn(command, port);
    const errors = new Response(child.stderr).text();
    const stdout = child.stdout.pipeThrough(new TextDecoderStream())
      .getReader();
    let text = "";
    while (!text.includes("\n")) {
      const { done, value } = await stdout.read();
      if (done) throw new Error(`${command.file} has ended: ${await errors}`);
      text += value;
    }
    return new RunningServer(child, stdout, text, port);
  }

  get #lineCount(): number {
    return this.#text.split("\n").length - 1;
  }

  async #collect(
    stdout: ReadableStreamDefaultReader<string>,
  ): Promise<string> {
    for (;;) {
      const { done, value } = await stdout.read();
      if (done) return clean(this.#text).replaceAll(this.#port, PORT);
      this.#text += value;
    }
  }

  /** Presses Ctrl-C once it has printed so many lines, or has been given the time. */
  async stop(lines: number): Promise<void> {
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), LIMIT_MS);
    const until = Date.now() + (lines === 0 ? 500 : 10_000);
    while (this.#lineCount < (lines || Infinity) && Date.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    this.#child.kill("SIGINT");
    await this.#child.status;
    await this.output;
    clearTimeout(timer);
  }
}
