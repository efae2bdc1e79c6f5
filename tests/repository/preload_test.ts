import { assertEquals, assertLessOrEqual, assertMatch } from "@std/assert";
import { PRELOAD, preloadText } from "../../tools/_preload.ts";
import { readText } from "./_checkout.ts";

Deno.test("_preload.ts is what its generator makes of the files that there are", async () => {
  assertEquals(
    await Deno.readTextFile(PRELOAD),
    await preloadText(),
    "Files came or went. Run: deno task preload:update",
  );
});

Deno.test("mod.ts loads _preload.ts before all else", async () => {
  const [first] = (await readText("mod.ts")).match(/^(import|export) .*/gm)!;
  assertMatch(first, /^import "\.\/lib\/_preload\.ts";$/);
});

Deno.test("mod.ts does not load what only some programs need", async () => {
  const loaded = await readText("lib/_preload.ts");
  for (
    const file of [
      "proxy_header/proxy_header.ts",
      "server/_server_telemetry.ts",
      "socket/_client_telemetry.ts",
      "socket/hosts.ts",
      "telemetry.ts",
      "telemetry_conventions.ts",
      "transport/_node_tls.ts",
      "transport/_node_tls_session.ts",
      "transport/_tls_client.ts",
      "transport/read_proxy_header.ts",
    ]
  ) {
    // It is there, and did not only get another name.
    await Deno.stat(new URL(`../../lib/${file}`, import.meta.url));
    assertEquals(loaded.includes(`"./${file}"`), false, file);
  }
});

/**
 * What `mod.ts` may load at once: each file costs 40 µs of every start, each KB 10 to 17. It
 * is a few hundredths above what it was when it was set; what is loaded later counts in
 * `tests/published/package_test.ts`.
 */
const MOST_FILES = 107;
const MOST_KILOBYTES = 750;

Deno.test("mod.ts loads no more at once than its budget", async () => {
  const imported = /^(?:import|export) (?!type )[^;]*?"(\.[^"]+)";$/gm;
  const loaded = new Set(["mod.ts", "lib/_preload.ts"]);
  for (const path of [...loaded]) {
    for (const [, specifier] of (await readText(path)).matchAll(imported)) {
      const { pathname } = new URL(specifier, `file:///${path}`);
      loaded.add(pathname.slice(1));
    }
  }
  const texts = await Promise.all([...loaded].map(readText));
  const bytes = texts.reduce((sum, text) => sum + text.length, 0);
  const cost = `${loaded.size} files, ${Math.round(bytes / 1_000)} KB`;
  assertLessOrEqual(loaded.size, MOST_FILES, cost);
  assertLessOrEqual(bytes, MOST_KILOBYTES * 1_000, cost);
});
