/**
 * Runs an example without its flags.
 *
 * @module
 */

import { withImportMap } from "../../tools/_command.ts";
import { findStdSource } from "../../tools/_std.ts";
import type { Ending } from "./_example.ts";

/**
 * Runs an example from start to end without any permission.
 *
 * @param name Its file in `examples/`, without the ending.
 * @param args Its own arguments.
 */
export async function runWithoutPermissions(
  name: string,
  ...args: string[]
): Promise<Ending> {
  const command = ["run", "--no-prompt", `examples/${name}.ts`, ...args];
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: withImportMap(command, await findStdSource()),
    cwd: new URL("../../", import.meta.url),
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return {
    code,
    output: decoder.decode(stdout),
    errors: decoder.decode(stderr),
  };
}
