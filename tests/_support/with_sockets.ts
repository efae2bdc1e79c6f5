/**
 * Programs that are started with listening sockets, as systemd starts them.
 *
 * Deno cannot pass a descriptor on, so `with_sockets.py` does: see there for the kinds of
 * sockets.
 *
 * @module
 */

import { program } from "./programs.ts";

const ROOT = new URL("../../", import.meta.url);
const LAUNCHER = new URL("./with_sockets.py", import.meta.url).pathname;

/** What {@linkcode runWithSockets} may be told. */
export interface WithSocketsOptions {
  /** Flags of `deno run`: permissions. None by default. */
  flags?: string[];
}

/** Arguments of `python3` that run Deno with these sockets as its descriptors from 3 on. */
export function withSockets(
  kinds: string[],
  args: string[],
  descriptors?: number,
): string[] {
  const deno = [Deno.execPath(), ...args];
  const limit = `ulimit -n ${descriptors}; exec "$@"`;
  const command = descriptors === undefined
    ? deno
    : ["sh", "-c", limit, "sh", ...deno];
  return [LAUNCHER, ...kinds, "--", ...command];
}

/**
 * Runs a module with these sockets to its end, and gives what it printed as JSON.
 *
 * @param source A module; it may import `@sluice/net`.
 */
export async function runWithSockets(
  kinds: string[],
  source: string,
  { flags = [] }: WithSocketsOptions = {},
): Promise<unknown> {
  const args = ["run", "--quiet", "--no-prompt", "--no-lock", ...flags, "-"];
  const child = new Deno.Command(program("python3"), {
    args: withSockets(kinds, args),
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const input = child.stdin.getWriter();
  await input.write(new TextEncoder().encode(source));
  await input.close();
  const { code, stdout, stderr } = await child.output();
  const [text, errors] = [stdout, stderr].map((bytes) =>
    new TextDecoder().decode(bytes)
  );
  if (code !== 0) throw new Error(`It ended with ${code}: ${errors}`);
  return JSON.parse(text);
}
