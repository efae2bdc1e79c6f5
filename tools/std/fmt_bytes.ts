/** `@std/fmt/bytes` from npm, for networks that do not reach JSR. */
// @ts-types="./fmt_bytes.d.ts"
export * from "npm:deno-std@1.4.0/fmt/bytes.js";
