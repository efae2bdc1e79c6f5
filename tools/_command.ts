import { importMapFlags, STD_VARIABLE, type StdSource } from "./_std.ts";

/** The root of the checkout; every command runs there. */
export const ROOT: URL = new URL("../", import.meta.url);

/** What a command left behind. */
export interface Outcome {
  /** Its exit code. */
  code: number;
  /** What it printed, empty unless it was captured. */
  output: string;
}

/** How {@linkcode runDeno} runs a command. */
export interface DenoOptions {
  /** Where `@std/*` comes from. */
  std: StdSource;
  /**
   * Also keeps what the command prints on standard output.
   *
   * @default {false}
   */
  capture?: boolean;
  /**
   * The folder it runs in.
   *
   * @default {ROOT}
   */
  cwd?: URL | string;
}

/**
 * Runs one `deno` command with the import map that this network needs.
 *
 * The running executable is used: under `npx deno` there is none on the PATH.
 *
 * @param args Its arguments, the command's name first.
 */
export async function runDeno(
  args: string[],
  { std, capture = false, cwd = ROOT }: DenoOptions,
): Promise<Outcome> {
  const env: Record<string, string> = { [STD_VARIABLE]: std };
  // A captured child writes to a pipe and would drop its colors.
  if (capture && Deno.stdout.isTerminal() && !Deno.noColor) {
    env.FORCE_COLOR = "1";
  }
  const child = new Deno.Command(Deno.execPath(), {
    args: withImportMap(args, std),
    cwd,
    env,
    stdin: "inherit",
    stdout: capture ? "piped" : "inherit",
    stderr: "inherit",
  }).spawn();
  const stop = forwardSignals(child);
  try {
    const output = capture ? await tee(child.stdout) : "";
    const { code } = await child.status;
    return { code, output };
  } finally {
    stop();
  }
}

/** Windows gives Ctrl-C and Ctrl-Break to the whole console, and has no other signal. */
const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK"]
  : ["SIGINT", "SIGTERM", "SIGHUP"];

/**
 * Leaves signals to a child: this process waits for its end, and passes on the signals that
 * it gets.
 *
 * Ctrl-C in a terminal reaches the child without help, as it reaches all programs there. A
 * second one from here would tell a server that drains to cut its clients off.
 */
function forwardSignals(child: Deno.ChildProcess): () => void {
  const listeners = SIGNALS.map((signal) => {
    const reachesAll = Deno.build.os === "windows" ||
      signal === "SIGINT" && Deno.stdin.isTerminal();
    const listener = () => {
      if (reachesAll) return;
      try {
        child.kill(signal);
      } catch {
        // It has just ended by itself.
      }
    };
    Deno.addSignalListener(signal, listener);
    return { signal, listener };
  });
  return () => {
    for (const { signal, listener } of listeners) {
      Deno.removeSignalListener(signal, listener);
    }
  };
}

/** An argument as it is, or in quotes where it is empty or a terminal would obey it. */
export function shown(arg: string): string {
  return /^[\x21-\x7e]+$/.test(arg) ? arg : JSON.stringify(arg);
}

/** The same arguments of `deno`, with the import map where the command takes one. */
export function withImportMap(
  [name, ...rest]: string[],
  std: StdSource,
): string[] {
  const flags = TAKES_IMPORT_MAP.has(name) ? importMapFlags(std) : [];
  return [name, ...flags, ...rest];
}

const TAKES_IMPORT_MAP: ReadonlySet<string> = new Set([
  "run",
  "test",
  "bench",
  "check",
  "cache",
]);

/** Passes everything on to our own standard output, and keeps the text. */
async function tee(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    for (let at = 0; at < chunk.length;) {
      at += Deno.stdout.writeSync(chunk.subarray(at));
    }
  }
  return text + decoder.decode();
}
