/**
 * Runs Deno in a terminal of its own, which only Unix has, with Python (`python3`).
 *
 * @module
 */

import { program } from "./programs.ts";

/** What {@linkcode runInTerminal} may be told. */
export interface TerminalOptions {
  /** Ctrl-C is pressed once for each of these, in their order, when it has been shown. */
  pressAt?: readonly string[];
  /** Where Deno runs. */
  cwd?: string | URL;
  env?: Record<string, string>;
}

/** Runs Deno until it ends, and gives what the terminal shows. */
export async function runInTerminal(
  args: readonly string[],
  { pressAt = [], cwd, env }: TerminalOptions = {},
): Promise<{ code: number; output: string }> {
  const script = new URL("press_ctrl_c.py", import.meta.url).pathname;
  const { code, stdout } = await new Deno.Command(program("python3"), {
    args: [script, ...pressAt, "--", Deno.execPath(), ...args],
    stdin: "null",
    cwd,
    env,
  }).output();
  return { code, output: new TextDecoder().decode(stdout) };
}
