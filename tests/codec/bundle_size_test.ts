/**
 * What `@sluice/net/codec` costs a page: what it uses, and nothing else.
 *
 * Sizes are those of a bundle of esbuild, minified and compressed with gzip.
 */
import { assert, assertEquals } from "@std/assert";
import { gzipSync } from "node:zlib";
import { bundle } from "../_support/bundle.ts";

const ENTRY = JSON.stringify("./lib/codec/mod.ts");

function sizeOf(names: string): number {
  const { code } = bundle(`export ${names} from ${ENTRY};`);
  return gzipSync(code, { level: 9 }).length;
}

/** In bytes. */
const BUDGETS: Record<string, number> = {
  "{ lines }": 4_000,
  "{ lengthPrefixed }": 4_120,
  "{ json }": 5_180,
  "{ delimited }": 4_600,
  "{ inParts, lengthPrefixed }": 4_980,
  "{ lengthPrefixed, packets, struct, u8, u16, u32 }": 11_900,
  "*": 32_900,
};

Deno.test("a bundle has what it uses of the codecs, within its budget", () => {
  for (const [names, budget] of Object.entries(BUDGETS)) {
    const size = sizeOf(names);
    assert(size <= budget, `${names}: ${size} bytes, of ${budget}`);
  }
});

Deno.test("a bundle of lines() has none of the other codecs and fields", () => {
  const { files } = bundle(`export { lines } from ${ENTRY};`);
  assertEquals(files.sort(), [
    "lib/_check.ts",
    "lib/_guard.ts",
    "lib/bytes/plain_array.ts",
    "lib/codec/_line_decoder.ts",
    "lib/codec/lines.ts",
    "lib/codec/policy.ts",
    "lib/codec/text_encoding.ts",
    "lib/errors.ts",
  ]);
});

Deno.test("loading the codecs does nothing that a bundler would have to keep", () => {
  const { code, files } = bundle(`import ${ENTRY};`);
  assertEquals(files, []);
  assertEquals(new TextDecoder().decode(code).trim(), "");
});
