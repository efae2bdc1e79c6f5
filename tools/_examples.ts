import { ROOT, runDeno } from "./_command.ts";
import type { StdSource } from "./_std.ts";

const FOLDER = new URL("examples/", ROOT);
const SHEBANG = /^#!\/usr\/bin\/env -S deno run(?<flags>( \S+)*)$/;

/**
 * The flags an example asks for in its first line.
 *
 * @returns The flags, or undefined when the line is no shebang of ours.
 */
export function shebangFlags(source: string): string[] | undefined {
  const flags = SHEBANG.exec(source.split(/\r?\n/, 1)[0])?.groups?.flags;
  return flags?.split(" ").filter((flag) => flag !== "");
}

/**
 * The arguments of `deno` that run one example with exactly its own permissions.
 *
 * @param name Its file in `examples/`, without the ending.
 * @throws {Error} It has no shebang that runs it.
 */
export async function exampleArguments(name: string): Promise<string[]> {
  const file = `examples/${name}.ts`;
  const flags = shebangFlags(await Deno.readTextFile(new URL(file, ROOT)));
  if (flags === undefined) {
    throw new Error(`Cannot run ${file} as its first line must be a shebang`);
  }
  return ["run", ...flags, file];
}

/** `deno task examples`: runs one with exactly its own permissions, or lists all. */
export async function runExample(
  [name, ...args]: string[],
  std: StdSource,
): Promise<number> {
  const names = await exampleNames();
  if (name === undefined) {
    for (const each of names) console.log(`deno task examples ${each}`);
    return 0;
  }
  if (!names.includes(name)) {
    console.error(
      `Cannot run an example as its name must be one of ${
        names.join(", ")
      }: current value is ${name}`,
    );
    return 2;
  }
  return (await runDeno([...await exampleArguments(name), ...args], { std }))
    .code;
}

/** Every example of the folder, private parts left out, in order. */
async function exampleNames(): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(FOLDER));
  return entries
    .filter(({ name, isFile }) => isFile && /^[^_].*\.ts$/.test(name))
    .map(({ name }) => name.slice(0, -".ts".length))
    .sort();
}
