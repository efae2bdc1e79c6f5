import { assertEquals, assertGreater } from "@std/assert";
import { EXPORT_LIST, readExports } from "../../tools/_exports.ts";

Deno.test("each entry point exports the names that were agreed on", async () => {
  const agreed = JSON.parse(await Deno.readTextFile(EXPORT_LIST));
  const exported = await readExports();
  for (const names of Object.values(exported)) assertGreater(names.length, 0);
  assertEquals(
    exported,
    agreed,
    "The exports changed. If they should, run: deno task exports:update",
  );
});
