/**
 * `@std/cli/parse-args` from npm, for networks that do not reach JSR.
 *
 * Only this module: the package's `cli/mod.js` cannot load, since a data file of
 * it is missing on npm.
 */
// @ts-types="./parse_args.d.ts"
export * from "npm:deno-std@1.4.0/cli/parse_args.js";
