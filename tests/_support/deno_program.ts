/**
 * Programs of a few lines, each in a process of its own: what ends a process cannot be
 * tried in the tests' own.
 *
 * @module
 */

const ROOT = new URL("../../", import.meta.url);

/**
 * Half a second after its start Deno 2.9.6 sets its signals up, and panics where there is
 * no descriptor for that. A program that is to run out of them has it done at once.
 */
const SET_SIGNALS_UP = `{
  const ignore = () => {};
  Deno.addSignalListener("SIGINT", ignore);
  Deno.removeSignalListener("SIGINT", ignore);
}
`;

/** What {@linkcode DenoProgram.start} may be told. */
export interface DenoProgramOptions {
  /** Hard limit of file descriptors; needs a Unix shell. None by default. */
  descriptors?: number;
  /** Where it may connect to and listen. `"127.0.0.1"` by default. */
  allowNet?: string;
  /** What it may read. Nothing by default. */
  allowRead?: string;
  /** What it may run. Nothing by default. */
  allowRun?: string;
  /** Whether it may read the environment, as many packages of npm do. `false` by default. */
  allowEnv?: boolean;
  /** Where it stands, also for its imports. The checkout by default. */
  cwd?: string;
  /** Variables of its environment, beside those of the tests. None by default. */
  env?: Record<string, string>;
}

/** A program that runs; disposing of it kills it. */
export class DenoProgram implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #errors: Promise<string>;
  #rest = "";

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    this.#errors = new Response(child.stderr).text();
  }

  /**
   * Starts a program, which may use this machine's network and what `options` allow.
   *
   * @param source A module; it may import `@sluice/net`.
   * @param options Limits of its process.
   */
  static async start(
    source: string,
    options: DenoProgramOptions = {},
  ): Promise<DenoProgram> {
    const { descriptors, allowNet = "127.0.0.1", allowRead, allowRun } =
      options;
    const { allowEnv = false, cwd = ROOT, env } = options;
    const flags = [`--allow-net=${allowNet}`];
    if (allowRead !== undefined) flags.push(`--allow-read=${allowRead}`);
    if (allowRun !== undefined) flags.push(`--allow-run=${allowRun}`);
    if (allowEnv) flags.push("--allow-env");
    const deno = [Deno.execPath(), "run", ...flags, "-"];
    const [command, ...args] = descriptors === undefined ? deno : [
      "/bin/sh",
      "-c",
      `ulimit -n ${descriptors}; exec "$@"`,
      "sh",
      ...deno,
    ];
    const child = new Deno.Command(command, {
      args,
      cwd,
      env: { NO_COLOR: "1", ...env },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const program = descriptors === undefined
      ? source
      : SET_SIGNALS_UP + source;
    await new Response(program).body!.pipeTo(child.stdin);
    return new DenoProgram(child);
  }

  /** The next line that it prints. */
  async nextLine(): Promise<string> {
    while (true) {
      const end = this.#rest.indexOf("\n");
      if (end >= 0) {
        const line = this.#rest.slice(0, end);
        this.#rest = this.#rest.slice(end + 1);
        return line;
      }
      const { done, value } = await this.#lines.read();
      if (done) {
        throw new Error(`It ended without a line: ${await this.#errors}`);
      }
      this.#rest += value;
    }
  }

  /** Presses Ctrl-C. */
  interrupt(): void {
    this.#child.kill("SIGINT");
  }

  /** Waits until it ends, and gives its exit code and its errors. */
  async ended(): Promise<{ code: number; errors: string }> {
    const { code } = await this.#child.status;
    return { code, errors: await this.#errors };
  }

  /** Waits until it dies of an error, and gives what it printed about it. */
  async deathMessage(): Promise<string> {
    const { code, signal } = await this.#child.status;
    if (code !== 1 || signal !== null) {
      throw new Error(`It ended with ${signal ?? code}: ${await this.#errors}`);
    }
    return await this.#errors;
  }

  /** Sends it a signal. */
  signal(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Waits until it ends by itself; above 128 for a signal. */
  async exitCode(): Promise<number> {
    return (await this.#child.status).code;
  }

  /** Kills it, if it still runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await Promise.all([
      this.#child.status,
      this.#errors,
      this.#lines.cancel(),
    ]);
  }
}
