/** `@std/assert` from npm, for networks that do not reach JSR. */
// @ts-types="./assert.d.ts"
export * from "npm:deno-std@1.4.0/assert/mod.js";
