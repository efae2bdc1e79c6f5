/** `@std/streams` from npm, for networks that do not reach JSR. */
// @ts-types="./streams.d.ts"
export * from "npm:deno-std@1.4.0/streams/mod.js";
