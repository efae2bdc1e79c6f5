/**
 * Makes the site: `deno task site --help`.
 *
 * VitePress makes it, as it takes the Markdown files of docs/ as they are, has a search that
 * needs no server, carries its fonts itself, and is one package of npm (MIT, of the authors of
 * Vue and Vite). Starlight does as much, on twice as many packages and with pages that must be
 * in its own folder. Its packages are pinned by docs/.vitepress/deno.lock; Deno installs them
 * into docs/.vitepress/node_modules, from the registry that it is set up for.
 *
 * The pages are made in two steps: `assemble` writes all of them into one folder (guides,
 * tutorial, examples and benches from their files, the API reference from the doc comments),
 * and VitePress makes HTML of that folder.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { resolve } from "node:path";
import { fileURLToPath as fromFileUrl } from "node:url";
import { ROOT, shown } from "../_command.ts";
import { assemble } from "./_assemble.ts";
import { checkSite } from "./_check_site.ts";

const HELP = `
Makes the site, with guides, tutorial, API reference, benches and examples.

Usage: deno task site [--out FOLDER] [--base PATH] [--repository URL]
       deno task site:dev

  --out FOLDER      where to put it; docs/.vitepress/dist by default. Relative paths
                    start where the task was called. What is there is removed: it must
                    be a site that was made before, or be empty
  --base PATH       the path that it is served under, / by default
  --repository URL  where links to files lead that have no page on the site, such as
                    https://github.com/OWNER/NAME/blob/main/; without it they are text
  --serve           serves it on 127.0.0.1, with the pages as their files are when it begins
  --help            shows this text
`.trim();

/** Where VitePress's configuration and packages are. */
const HOME = new URL("docs/.vitepress/", ROOT);
/** Where the site is put, if nothing else is said. */
const DIST = fromFileUrl(new URL("dist", HOME));

/** How the site is made. */
export interface SiteOptions {
  out: string;
  base: string;
  repository?: string;
  serve?: boolean;
}

/**
 * Makes the site.
 *
 * @returns An exit code: 0 where it was made, and links nowhere that is not there.
 */
export async function makeSite(
  { out, base, repository, serve = false }: SiteOptions,
): Promise<number> {
  const pages = fromFileUrl(new URL("cache/pages", HOME));
  const { count, dead } = await assemble({ folder: pages, base, repository });
  console.log(`${count} pages`);
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--allow-all", "--frozen", "--quiet", "npm:vitepress@1.6.4"],
      ...(serve ? ["dev", "..", "--host", "127.0.0.1"] : ["build", ".."]),
    ],
    cwd: HOME,
    env: { SITE_PAGES: pages, SITE_OUT: out },
  }).spawn().status;
  if (code !== 0 || serve) return code;
  const problems = [...dead, ...await checkSite(out, base)];
  for (const problem of problems) console.error(problem);
  return problems.length === 0 ? 0 : 1;
}

/**
 * Whether a place has anything but a site that was made before: VitePress removes what is in
 * the folder that it builds into.
 */
export async function holdsOther(folder: string): Promise<boolean> {
  try {
    const entries = await Array.fromAsync(Deno.readDir(folder));
    const names = entries.map(({ name }) => name);
    // VitePress writes this one into each site.
    return names.length > 0 && !names.includes("hashmap.json");
  } catch (error) {
    return !(error instanceof Deno.errors.NotFound);
  }
}

if (import.meta.main) {
  const flags = parseArgs(Deno.args, {
    string: ["out", "base", "repository"],
    boolean: ["help", "serve"],
    default: { out: DIST, base: "/" },
    unknown: (arg) => refuse(`there is no ${shown(arg)}`),
  });
  if (flags.help) {
    console.log(HELP);
    Deno.exit(0);
  }
  const { base, repository, serve } = flags;
  if (!/^\/([\w.~-]+\/)*$/.test(base)) {
    refuse(
      `--base must be a path with a slash at both ends, got ${shown(base)}`,
    );
  }
  if (repository !== undefined && !/^https?:\/\/.+\/$/.test(repository)) {
    refuse(
      `--repository must be an address with a slash at its end, got ${
        shown(repository)
      }`,
    );
  }
  // Where `deno task` was called; it runs in the folder of deno.json itself.
  const out = resolve(Deno.env.get("INIT_CWD") ?? Deno.cwd(), flags.out);
  if (flags.out !== DIST && !serve && await holdsOther(out)) {
    refuse(
      `--out must be a folder that is empty or a site, as all in it is removed, ` +
        `got ${shown(flags.out)}`,
    );
  }
  Deno.exit(await makeSite({ out, base, repository, serve }));
}

function refuse(why: string): never {
  console.error(`Cannot make the site: ${why}\n\n${HELP}`);
  Deno.exit(2);
}
