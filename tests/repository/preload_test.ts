import { assertEquals, assertMatch } from "@std/assert";
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
      "socket/_client_telemetry.ts",
      "socket/hosts.ts",
      "transport/_node_tls.ts",
      "transport/_node_tls_session.ts",
      "transport/read_proxy_header.ts",
    ]
  ) {
    // It is there, and did not only get another name.
    await Deno.stat(new URL(`../../lib/${file}`, import.meta.url));
    assertEquals(loaded.includes(`"./${file}"`), false, file);
  }
});
