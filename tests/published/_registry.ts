/**
 * A registry on loopback that serves this package as JSR would after a `deno publish`: what
 * `deno publish --dry-run` lists, and nothing else.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import config from "../../deno.json" with { type: "json" };

const ROOT = new URL("../../", import.meta.url);

/** A file of the package: its path, which begins with a slash, and its bytes. */
export type PackageFiles = ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

/** What a client of the registry asked for. */
export interface Served {
  path: string;
  bytes: number;
}

/** A registry that runs. */
export interface Registry extends AsyncDisposable {
  /** What `JSR_URL` is to be. */
  url: string;
  /** The files of the package that were fetched, each as often as it was. */
  served: Served[];
  /** What was asked for and is not there. */
  missing: string[];
}

/** The files that `deno publish` would upload, as it says itself. */
export async function readPackage(): Promise<PackageFiles> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["publish", "--dry-run", "--allow-dirty", "--no-check"],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
  }).output();
  const output = new TextDecoder().decode(stderr);
  if (!success) throw new Error(output);
  const files = [...output.matchAll(/^ +(file:\/\/.+) \([\d.]+[KM]?B\)$/gm)]
    .map(([, url]) => url);
  if (files.length === 0) throw new Error(`It lists no file: ${output}`);
  return new Map(
    await Promise.all(
      files.map(async (url) =>
        [
          url.slice(ROOT.href.length - 1),
          await Deno.readFile(fileURLToPath(url)),
        ] as const
      ),
    ),
  );
}

/** Serves a package, until it is disposed of. */
export async function serveRegistry(files: PackageFiles): Promise<Registry> {
  const { name, version, exports } = config;
  const manifest: Record<string, { size: number; checksum: string }> = {};
  for (const [path, bytes] of files) {
    manifest[path] = {
      size: bytes.length,
      checksum: `sha256-${await sha256(bytes)}`,
    };
  }
  const folder = `/${name}`;
  const documents: Record<string, unknown> = {
    [`${folder}/meta.json`]: {
      scope: name.slice(1).split("/")[0],
      name: name.split("/")[1],
      latest: version,
      versions: { [version]: {} },
    },
    [`${folder}/${version}_meta.json`]: { manifest, exports },
  };
  const served: Served[] = [];
  const missing: string[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => {
      const path = new URL(request.url).pathname;
      if (Object.hasOwn(documents, path)) return Response.json(documents[path]);
      const file = path.startsWith(`${folder}/${version}/`)
        ? path.slice(`${folder}/${version}`.length)
        : "";
      const bytes = files.get(file);
      if (bytes === undefined) {
        missing.push(path);
        return new Response("not found", { status: 404 });
      }
      served.push({ path: file, bytes: bytes.length });
      return new Response(bytes, {
        headers: { "content-type": contentType(file) },
      });
    },
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    served,
    missing,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

function contentType(path: string): string {
  if (path.endsWith(".ts")) return "text/typescript";
  return path.endsWith(".json") ? "application/json" : "text/plain";
}

async function sha256(bytes: BufferSource): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  return new Uint8Array(digest).toHex();
}
