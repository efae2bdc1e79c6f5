/** The root of the checkout. */
export const ROOT: URL = new URL("../../", import.meta.url);

/** The text of one file, by its path from the root. */
export function readText(path: string): Promise<string> {
  return Deno.readTextFile(new URL(path, ROOT));
}

/**
 * Every file that git would commit, as paths from the root with forward slashes.
 *
 * New files count before they are added, and ignored ones never do. Without git, or
 * without a repository (a source archive), the folder is walked.
 */
export async function listFiles(): Promise<string[]> {
  const files = await listByGit() ?? await Array.fromAsync(walk(""));
  return files.sort();
}

async function listByGit(): Promise<string[] | undefined> {
  try {
    const { success, stdout } = await new Deno.Command("git", {
      args: ["ls-files", "-z", "--cached", "--others", "--exclude-standard"],
      cwd: ROOT,
      stderr: "null",
    }).output();
    if (!success) return undefined;
    const paths = new TextDecoder().decode(stdout).split("\0");
    return (await Promise.all(paths.map(async (path) => {
      // A file that was deleted is listed until the deletion is committed.
      return path !== "" && await isFile(path) ? [path] : [];
    }))).flat();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.lstat(new URL(path, ROOT))).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function* walk(folder: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(new URL(folder, ROOT))) {
    if (entry.name === ".git" || entry.name === "node_modules") continue;
    const path = folder + entry.name;
    if (entry.isDirectory) yield* walk(`${path}/`);
    if (entry.isFile) yield path;
  }
}
