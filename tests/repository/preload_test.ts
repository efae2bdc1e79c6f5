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
