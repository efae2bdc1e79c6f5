import { findStdSource } from "../../tools/_std.ts";
import { ROOT, withImportMap } from "../../tools/_command.ts";

const HOME = new URL("docs/.vitepress/", ROOT);

/**
 * Whether the packages that make the site cannot be had, for a test's `ignore`.
 *
 * Installs them. Where npm is not reached the tests are skipped, and say so; in CI they fail.
 */
export async function lacksPackages(): Promise<boolean> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["install", "--frozen", "--quiet"],
    cwd: HOME,
    env: { NO_COLOR: "1" },
  }).output();
  if (success) return false;
  const why = new TextDecoder().decode(stderr).trim();
  if (Deno.env.get("CI")) {
    Deno.test("the packages that make the site can be installed", () => {
      throw new Error(why);
    });
  } else {
    console.log(`skipping the tests of the site: npm is not reached: ${why}`);
  }
  return true;
}

/** Runs one `deno` command and gives what it printed. */
export async function run(
  args: string[],
  cwd: URL = ROOT,
): Promise<{ code: number; output: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: withImportMap(args, await findStdSource()),
    cwd,
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  return { code, output: decoder.decode(stdout) + decoder.decode(stderr) };
}

/** Types that a browser insists on. */
const TYPES: Record<string, string> = {
  css: "text/css",
  html: "text/html; charset=utf-8",
  js: "text/javascript",
  json: "application/json",
  png: "image/png",
  svg: "image/svg+xml",
  webp: "image/webp",
  woff2: "font/woff2",
};

/** A site that is served on 127.0.0.1, as GitHub Pages serves it. */
export interface ServedSite extends AsyncDisposable {
  /** Its address, with a slash at the end. */
  url: string;
  /** Paths that were asked for and are not there. */
  missing: string[];
}

/** Serves a folder under `base`. */
export function serveSite(folder: string, base: string): ServedSite {
  const missing: string[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      const path = decodeURIComponent(new URL(request.url).pathname);
      const name = path.slice(base.length).replace(/(^|\/)$/, "$1index.html");
      for (const file of path.startsWith(base) ? [name, `${name}.html`] : []) {
        try {
          const body = await Deno.readFile(`${folder}/${file}`);
          const type = TYPES[file.slice(file.lastIndexOf(".") + 1)];
          return new Response(body, { headers: { "content-type": type } });
        } catch (error) {
          if (!(error instanceof Deno.errors.NotFound)) throw error;
        }
      }
      missing.push(path);
      return new Response("not found", { status: 404 });
    },
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}${base}`,
    missing,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
