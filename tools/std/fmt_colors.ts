/** `@std/fmt/colors` from npm, for networks that do not reach JSR. */
// @ts-types="./fmt_colors.d.ts"
export * from "npm:deno-std@1.4.0/fmt/colors.js";
