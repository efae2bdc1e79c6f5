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

/** Every program of `examples/` and its folders, its own modules left out, in order. */
export async function exampleNames(
  folder: URL = FOLDER,
  prefix = "",
): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(folder));
  const names = await Promise.all(entries.map(async ({ name, isDirectory }) => {
    const place = new URL(isDirectory ? `${name}/` : name, folder);
    if (isDirectory) return await exampleNames(place, `${prefix}${name}/`);
    const isProgram = name.endsWith(".ts") &&
      shebangFlags(await Deno.readTextFile(place)) !== undefined;
    return isProgram ? [prefix + name.slice(0, -".ts".length)] : [];
  }));
  return names.flat().sort();
}
