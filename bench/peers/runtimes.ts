/**
 * Finds the runtimes that are installed, and knows how each starts a program.
 *
 * @module
 */

import type { CommandLine } from "../harness/child_process.ts";
import { denoCommand } from "../harness/measure.ts";

/** A runtime that some server needs. */
export type RuntimeName =
  | "deno"
  | "node"
  | "bun"
  | "python"
  | "uvloop"
  | "go"
  /** These two with packages of npm. */
  | "node-packages"
  | "deno-packages"
  | "redis-server";

/** A runtime that is there. */
export interface Runtime {
  /** For instance `Node 20.20.2`. */
  version: string;
  /** The command line of one of `bench/servers`. */
  command(file: string, args: readonly string[]): CommandLine;
}

/** What was found, and what was not. */
export interface Runtimes extends AsyncDisposable {
  found: Partial<Record<RuntimeName, Runtime>>;
  /** Why the others are skipped. */
  missing: Partial<Record<RuntimeName, string>>;
}

const SERVERS = new URL("../servers/", import.meta.url);
const PYTHON = Deno.build.os === "windows" ? "python" : "python3";

/** Looks for every runtime on the PATH. Dispose of the result: it holds what was built. */
export async function findRuntimes(
  wanted: ReadonlySet<RuntimeName>,
): Promise<Runtimes> {
  const stack = new AsyncDisposableStack();
  const finders: Record<RuntimeName, () => Promise<Runtime>> = {
    deno: () =>
      Promise.resolve({
        version: `Deno ${Deno.version.deno}`,
        command: (file, args) => denoCommand(new URL(file, SERVERS), args),
      }),
    node: () => findInterpreter("Node", "node", ["--version"]),
    bun: () => findInterpreter("Bun", "bun", ["--version"]),
    python: () => findInterpreter("Python", PYTHON, ["--version"]),
    uvloop: () =>
      findInterpreter("uvloop", PYTHON, [
        "-c",
        "import uvloop; print(uvloop.__version__)",
      ]),
    go: () => buildGo(stack),
    "node-packages": async () => {
      const { version } = await findInterpreter("Node", "node", ["--version"]);
      return withPackages(version, await packages(), "node", []);
    },
    "deno-packages": async () => {
      const version = `Deno ${Deno.version.deno}`;
      const args = ["run", "--quiet", "--allow-all"];
      return withPackages(version, await packages(), Deno.execPath(), args);
    },
    "redis-server": () =>
      findInterpreter("Redis", "redis-server", ["--version"]),
  };
  let installed: Promise<string> | undefined;
  const packages = () => installed ??= installPackages(stack);
  const runtimes: Runtimes = {
    found: {},
    missing: {},
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
  for (const name of wanted) {
    try {
      runtimes.found[name] = await finders[name]();
    } catch (error) {
      runtimes.missing[name] = error instanceof Deno.errors.NotFound
        ? "it is not on the PATH"
        : (error as Error).message;
    }
  }
  return runtimes;
}

async function findInterpreter(
  title: string,
  program: string,
  args: string[],
): Promise<Runtime> {
  const output = await run(program, args);
  const version = /\d+(\.\d+)+/.exec(output)?.[0] ?? output.trim();
  return {
    version: `${title} ${version}`,
    command: (file, args) => ({
      program,
      args: [toPath(new URL(file, SERVERS)), ...args],
    }),
  };
}

/** Builds the Go server into a folder that goes with the stack. */
async function buildGo(stack: AsyncDisposableStack): Promise<Runtime> {
  const version = /go(\d+(?:\.\d+)+)/.exec(await run("go", ["version"]));
  const folder = await Deno.makeTempDir({ prefix: "sluice-bench-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const command = (file: string, args: readonly string[]): CommandLine => ({
    program: `${folder}/${file.replace(/\.go$/, ".exe")}`,
    args,
  });
  const { program } = command("go_net.go", []);
  const source = toPath(new URL("go_net.go", SERVERS));
  await run("go", ["build", "-o", program, source]);
  return { version: `Go ${version?.[1] ?? ""}`.trim(), command };
}

/** Packages that are compared with, in the versions that are compared with. */
const PACKAGES = ["ioredis@6.0.0", "redis@6.3.1"];

/** Puts packages into a folder that goes with the stack. */
async function installPackages(stack: AsyncDisposableStack): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "sluice-bench-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const npm = Deno.build.os === "windows" ? "npm.cmd" : "npm";
  const args = ["install", "--no-audit", "--no-fund", "--ignore-scripts"];
  await run(npm, [...args, ...PACKAGES], folder);
  return folder;
}

/** A runtime whose programs get the folder of the packages first. */
function withPackages(
  version: string,
  folder: string,
  program: string,
  flags: string[],
): Runtime {
  return {
    version: `${version} with ${PACKAGES.join(", ")}`,
    command: (file, args) => ({
      program,
      args: [...flags, toPath(new URL(file, SERVERS)), folder, ...args],
    }),
  };
}

async function run(
  program: string,
  args: string[],
  cwd?: string,
): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args,
    cwd,
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  if (!success) {
    const lines = decoder.decode(stderr).trim().split("\n");
    throw new Error(lines[lines.length - 1]);
  }
  return decoder.decode(stdout);
}

/** The path of a file URL, as the system writes it. */
function toPath(url: URL): string {
  const path = decodeURIComponent(url.pathname);
  return Deno.build.os === "windows" ? path.slice(1) : path;
}
