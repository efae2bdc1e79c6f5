import { fileURLToPath as fromFileUrl } from "node:url";
import { ROOT } from "../_command.ts";

const FOLDER = new URL("docs/codec_page/", ROOT);

/**
 * The page that shows frames in bytes, as one file of HTML.
 *
 * Its policy allows the script and the styles that are in it, and nothing else: not even a
 * request.
 */
export async function codecFile(): Promise<string> {
  const script = await bundleScript();
  const styles = (await Promise.all(
    ["file.css", "style.css"].map((name) =>
      Deno.readTextFile(new URL(name, FOLDER))
    ),
  )).join("\n");
  const policy = [
    "default-src 'none'",
    `script-src '${await hashOf(script)}'`,
    `style-src '${await hashOf(styles)}'`,
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,">
<title>Frames in bytes</title>
<style>${styles}</style>
<body></body>
<script>${script}</script>
</html>
`;
}

async function bundleScript(): Promise<string> {
  // Otherwise it starts a worker thread that outlives the call.
  Deno.env.set("ESBUILD_WORKER_THREADS", "0");
  const { buildSync } = await import("npm:esbuild@0.25.12");
  const { outputFiles } = buildSync({
    entryPoints: [fromFileUrl(new URL("main.ts", FOLDER))],
    absWorkingDir: fromFileUrl(ROOT),
    bundle: true,
    minify: true,
    format: "iife",
    target: "es2022",
    write: false,
    logLevel: "error",
    // Otherwise a text could end the script that it is in.
    supported: { "inline-script": false },
  });
  return outputFiles[0].text;
}

/** How a policy names a script or styles. */
async function hashOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest(
    "SHA-256",
    new TextEncoder().encode(text),
  );
  return `sha256-${btoa(String.fromCharCode(...new Uint8Array(digest)))}`;
}
