/**
 * Bundles as an application for another runtime, or for a page, is bundled.
 *
 * @module
 */

import { fileURLToPath } from "node:url";

// Otherwise it starts a worker thread that outlives the test.
Deno.env.set("ESBUILD_WORKER_THREADS", "0");
const { buildSync } = await import("npm:esbuild@0.25.12");

/** The root of the repository. */
const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** What a bundler makes of a module. */
export interface Bundle {
  code: Uint8Array;
  /** Files of `lib/` of which something is left. */
  files: string[];
}

/**
 * Bundles and minifies a module.
 *
 * @param contents Its text; what it imports is relative to the root of the repository.
 * @param format What the bundle is: a module, or a script.
 */
export function bundle(
  contents: string,
  format: "esm" | "iife" = "esm",
): Bundle {
  // Synchronous: the other way leaves a process behind.
  const { outputFiles, metafile } = buildSync({
    stdin: { contents, resolveDir: ROOT, loader: "ts" },
    absWorkingDir: ROOT,
    bundle: true,
    minify: true,
    format,
    // As Node 20 and browsers of its time run it.
    target: "es2022",
    write: false,
    metafile: true,
    logLevel: "error",
    outfile: "bundle.js",
  });
  const { inputs } = metafile.outputs["bundle.js"];
  return {
    code: outputFiles[0].contents,
    files: Object.keys(inputs)
      .filter((file) => inputs[file].bytesInOutput > 0)
      .filter((file) => file.startsWith("lib/")),
  };
}
