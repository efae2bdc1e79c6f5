import { fileURLToPath as fromFileUrl } from "node:url";
import { ROOT, runDeno, shown } from "./_command.ts";
import type { StdSource } from "./_std.ts";

const FOLDER = new URL("examples/", ROOT);
const SHEBANG = /^#!\/usr\/bin\/env -S deno run(?<flags>( \S+)*)$/;

const USAGE = "Usage: deno task examples [PERMISSION...] NAME [ARGUMENT...]";

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
 * The arguments of `deno` that run one example with its own permissions.
 *
 * @param name Its file in `examples/`, without the ending.
 * @param permissions Flags to add, such as `--allow-read=certs`.
 * @throws {Error} It has no shebang that runs it.
 */
export async function exampleArguments(
  name: string,
  permissions: readonly string[] = [],
): Promise<string[]> {
  const file = new URL(`examples/${name}.ts`, ROOT);
  const flags = shebangFlags(await Deno.readTextFile(file));
  if (flags === undefined) {
    throw new Error(`Cannot run ${file}: its first line must be a shebang`);
  }
  const config = new URL("deno.json", ROOT);
  // Deno takes --allow-all beside no other permission, and lets `--allow-net=HOST` narrow
  // an `--allow-net` beside it.
  const own = permissions.includes("--allow-all")
    ? []
    : flags.filter((flag) => !permissions.includes(flag.split("=")[0]));
  const all = [...own, ...permissions, `--config=${fromFileUrl(config)}`];
  return ["run", ...all, fromFileUrl(file)];
}

/**
 * `deno task examples [PERMISSION...] NAME [ARGUMENT...]`: runs one in the folder that
 * the task was called from, with the permissions of its first line and those that are
 * given, or lists all with a line on what each shows.
 */
export async function runExample(
  given: string[],
  std: StdSource,
): Promise<number> {
  if (given[0] === "--help" || given[0] === "-h") given = [];
  const count = given.findIndex((arg) => !arg.startsWith("-"));
  const permissions = given.slice(0, count < 0 ? given.length : count)
    .map((flag) => flag === "-A" ? "--allow-all" : flag);
  const [name, ...args] = given.slice(permissions.length);
  const wrong = permissions.find((flag) => !/^--(allow|deny)-/.test(flag));
  if (wrong !== undefined) {
    console.error(
      `Cannot run an example: what comes before its name must be a permission, got ${
        shown(wrong)
      }\n` +
        USAGE,
    );
    return 2;
  }
  const names = await exampleNames();
  if (name === undefined) {
    console.log(await listing(names));
    return 0;
  }
  if (!names.includes(name)) {
    console.error(
      `Cannot run ${
        shown(name)
      }: it must be the name of an example (deno task examples lists them)`,
    );
    return 2;
  }
  const run = await exampleArguments(name, permissions);
  // Where `deno task` was called; it runs in the folder of deno.json itself.
  const cwd = Deno.env.get("INIT_CWD") ?? ROOT;
  return (await runDeno([...run, ...args], { std, cwd })).code;
}

/** All examples, with what each shows, and how to run one. */
async function listing(names: readonly string[]): Promise<string> {
  const width = Math.max(...names.map((name) => name.length));
  const lines = await Promise.all(names.map(async (name) => {
    const source = await Deno.readTextFile(new URL(`${name}.ts`, FOLDER));
    return `  ${name.padEnd(width)}  ${summaryOf(source)}`;
  }));
  return [
    USAGE,
    "",
    ...lines,
    "",
    "Each explains its flags: deno task examples NAME --help",
    "A permission before the name is added to its own: --allow-read=certs",
  ].join("\n");
}

/** What an example is for, in a line: the first sentence of its help. */
export function summaryOf(source: string): string {
  const [, help = ""] = /^const HELP = `\n([^`]+)/m.exec(source) ?? [];
  return help.split(/\.\s|\n\n/)[0].replaceAll(/\s+/g, " ");
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
