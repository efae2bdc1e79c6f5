import type { Results } from "./results.ts";

/** What the machine is. */
export async function describeSystem(): Promise<Results["system"]> {
  return {
    os: Deno.build.os,
    arch: Deno.build.arch,
    cpus: navigator.hardwareConcurrency,
    memoryGiB: Math.round(Deno.systemMemoryInfo().total / 1024 ** 3),
    model: await cpuModel(),
  };
}

async function cpuModel(): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return undefined;
  const text = await Deno.readTextFile("/proc/cpuinfo");
  return /^model name\s*: (.*)$/m.exec(text)?.[1];
}

/** The commit of the checkout, with `+` if files were changed since. */
export async function describeRevision(root: URL): Promise<string> {
  const revision = await git(root, "rev-parse", "--short", "HEAD");
  const changes = await git(
    root,
    "status",
    "--porcelain",
    "--",
    "lib",
    "mod.ts",
  );
  return changes === "" ? revision : `${revision}+`;
}

async function git(root: URL, ...args: string[]): Promise<string> {
  try {
    const { stdout } = await new Deno.Command("git", { args, cwd: root })
      .output();
    return new TextDecoder().decode(stdout).trim();
  } catch {
    return "";
  }
}
