/**
 * The files of the checkout, without git.
 *
 * @module
 */

/** One file to carry. */
export interface CheckoutFile {
  /** Its path from the root of the checkout, with forward slashes. */
  path: string;
  /** Its size in bytes, when it was listed. */
  size: number;
}

/**
 * Lists every file that git would commit, in order.
 *
 * The folder is walked past `.git` and whatever `.gitignore` names. Neither git nor
 * its index is asked: this needs nothing but permission to read, and a clone, a
 * linked work tree and an unpacked archive all look the same to it. Of
 * `.gitignore`, the file in the root counts, with the patterns it uses: names,
 * paths, `*`, and folders with a slash at the end.
 *
 * @param root Folder of the checkout, without a slash at the end.
 */
export async function checkoutFiles(root: string): Promise<CheckoutFile[]> {
  const ignored = ignoreRules(await readIfThere(`${root}/.gitignore`));
  const files: CheckoutFile[] = [];
  const walk = async (folder: string) => {
    for await (
      const { name, isDirectory, isFile } of Deno.readDir(
        `${root}/${folder}`,
      )
    ) {
      const path = folder + name;
      if (name === ".git" || ignored(path, isDirectory)) continue;
      if (isDirectory) await walk(`${path}/`);
      if (isFile) {
        const { size } = await Deno.stat(`${root}/${path}`);
        files.push({ path, size });
      }
    }
  };
  await walk("");
  return files.sort((a, b) => a.path < b.path ? -1 : 1);
}

async function readIfThere(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

/** Tells whether the lines of a `.gitignore` name a path. */
function ignoreRules(
  text: string,
): (path: string, isDirectory: boolean) => boolean {
  const rules = text.split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const folderOnly = line.endsWith("/");
      const pattern = line.replace(/\/$/, "");
      // A slash ties a pattern to the root; without one it may match at any depth.
      const tied = pattern.includes("/");
      const source = pattern.replace(/^\//, "")
        .replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&")
        .replaceAll("*", "[^/]*");
      return {
        folderOnly,
        matches: new RegExp(tied ? `^${source}$` : `(^|/)${source}$`),
      };
    });
  return (path, isDirectory) =>
    rules.some(({ folderOnly, matches }) =>
      (isDirectory || !folderOnly) && matches.test(path)
    );
}
