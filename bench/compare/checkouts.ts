/**
 * Two folders to compare: a revision, and a copy of the working tree.
 *
 * @module
 */

/** The two sides. Dispose of it: it goes with its folders. */
export interface Checkouts extends Disposable {
  /** Roots of both, by side. */
  roots: { base: URL; work: URL };
  /** The commit of the revision. */
  commit: string;
}

/**
 * Checks out a revision, and copies the working tree, so that edits meanwhile
 * change nothing. The programs of `bench/` are those of the working tree on both sides.
 *
 * @param root The repository.
 * @param revision What git calls it.
 * @throws {RangeError} Git does not know the revision.
 */
export async function makeCheckouts(
  root: URL,
  revision: string,
): Promise<Checkouts> {
  const commit = findCommit(root, revision);
  const folder = await Deno.makeTempDir({ prefix: "sluice-compare-" });
  const base = `${folder}/base`;
  const work = `${folder}/work`;
  const remove = () => {
    globalThis.removeEventListener("unload", remove);
    git(root, "worktree", "remove", "--force", base);
    Deno.removeSync(folder, { recursive: true });
  };
  // An interrupted run ends without disposing of anything.
  globalThis.addEventListener("unload", remove);
  git(root, "worktree", "add", "--detach", "--quiet", base, commit);
  await Deno.remove(`${base}/bench`, { recursive: true }).catch(ifMissing);
  for (const name of ["deno.json", "mod.ts", "lib"]) {
    await copy(new URL(name, root), `${work}/${name}`);
  }
  for (const side of [base, work]) {
    for (const name of ["bench/servers", "bench/harness", "bench/load"]) {
      await copy(new URL(name, root), `${side}/${name}`);
    }
  }
  return {
    commit,
    roots: { base: toFolderUrl(base), work: toFolderUrl(work) },
    [Symbol.dispose]: remove,
  };
}

function findCommit(root: URL, revision: string): string {
  const { success, text } = git(
    root,
    "rev-parse",
    "--verify",
    "--quiet",
    "--end-of-options",
    `${revision}^{commit}`,
  );
  if (success) return text.split("\n").at(-1) ?? "";
  throw new RangeError(
    `Cannot compare: REV must be a revision that git knows, got ${revision}`,
  );
}

/** Runs git; its error messages go to standard error. */
function git(root: URL, ...args: string[]): { success: boolean; text: string } {
  const { success, stdout } = new Deno.Command("git", {
    args,
    cwd: root,
    stdin: "null",
    stderr: "inherit",
  }).outputSync();
  return { success, text: new TextDecoder().decode(stdout).trim() };
}

async function copy(from: URL | string, to: string): Promise<void> {
  const { isDirectory } = await Deno.stat(from);
  await Deno.mkdir(to.slice(0, to.lastIndexOf("/")), { recursive: true });
  if (!isDirectory) return await Deno.copyFile(from, to);
  await Deno.mkdir(to, { recursive: true });
  const folder = from instanceof URL ? from.href : from;
  for await (const { name } of Deno.readDir(from)) {
    await copy(new URL(`${folder}/${name}`), `${to}/${name}`);
  }
}

function toFolderUrl(path: string): URL {
  const url = new URL("file:///");
  url.pathname = `${path.replaceAll("\\", "/")}/`;
  return url;
}

function ifMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
