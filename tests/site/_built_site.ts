import { findStdSource } from "../../tools/_std.ts";
import { ROOT, withImportMap } from "../../tools/_command.ts";

/** Where its packages are. */
export const HOME: URL = new URL("docs/.vitepress/", ROOT);

/**
 * Whether the packages that make the site cannot be had, for a test's `ignore`.
 *
 * Installs them. Where npm is not reached the tests are skipped, and say so; in CI they fail.
 */
export async function lacksPackages(): Promise<boolean> {
  const { code, output } = await runDeno(
    ["install", "--frozen", "--quiet"],
    HOME,
  );
  if (code === 0) return false;
  if (Deno.env.get("CI")) {
    Deno.test("the packages that make the site can be installed", () => {
      throw new Error(output);
    });
  } else {
    console.log(
      `skipping the tests of the site: npm is not reached: ${output}`,
    );
  }
  return true;
}

/** Makes the site as `deno task site` does, and gives what that printed. */
export async function makeSite(...args: string[]): Promise<Outcome> {
  const main = ["run", "--allow-all", "tools/site/main.ts", ...args];
  return await runDeno(withImportMap(main, await findStdSource()), ROOT);
}

/** How a command ended, and what it printed. */
export interface Outcome {
  code: number;
  output: string;
}

/** Runs one `deno` command. */
export async function runDeno(
  args: string[],
  cwd: URL,
): Promise<Outcome> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
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
