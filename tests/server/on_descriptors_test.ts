/**
 * The tests of listeners again, each of which listens on a descriptor of another process: TLS,
 * PROXY headers, limits and the rest do not depend on where connections come from.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import { findStdSource, NPM_IMPORT_MAP } from "../../tools/_std.ts";
import { lacksPrograms, program } from "../_support/programs.ts";
import { withSockets } from "../_support/with_sockets.ts";

const ROOT = new URL("../../", import.meta.url);
const FILES = ["listen", "listen_tls", "proxy_protocol"];

/** More than there are tests. */
const SOCKETS = 150;

/** An import map in which `bindTcp` listens on a descriptor wherever a port is free to choose. */
async function writeImportMap(path: string): Promise<void> {
  const usual = await findStdSource() === "npm"
    ? new URL(`file://${NPM_IMPORT_MAP}`)
    : new URL("deno.json", ROOT);
  const { imports } = JSON.parse(await Deno.readTextFile(usual));
  for (const [name, target] of Object.entries<string>(imports)) {
    if (target.startsWith(".")) imports[name] = new URL(target, usual).href;
  }
  const real = new URL("lib/transport/_tcp.ts", ROOT).href;
  imports[real] = import.meta.resolve("./_tcp_on_descriptors.ts");
  await Deno.writeTextFile(path, JSON.stringify({ imports }));
}

Deno.test("listen() and serve() do on descriptors what they do on ports", {
  timeout: 120_000,
  ignore: lacksPrograms("python3"),
}, async () => {
  const folder = await Deno.makeTempDir();
  const map = `${folder}/import_map.json`;
  await writeImportMap(map);
  const test = ["test", "--allow-all", "--no-check", "--no-lock"];
  const files = FILES.map((name) => `tests/server/${name}_test.ts`);
  const { code, stdout, stderr } = await new Deno.Command(program("python3"), {
    args: withSockets(
      Array.from({ length: SOCKETS }, () => "tcp"),
      [...test, `--import-map=${map}`, ...files],
    ),
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const [text, errors] = [stdout, stderr].map((bytes) =>
    new TextDecoder().decode(bytes)
  );
  assertEquals(code, 0, text + errors);
  // They were run, and so over descriptors: the last one says which came next.
  assertMatch(text, /\nok \| [3-9]\d passed \| 0 failed/);
  await Deno.remove(folder, { recursive: true });
});
