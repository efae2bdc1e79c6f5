#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * Lists the files of a server.
 *
 * @module
 */

import { commandLine, run, stop } from "../_command_line.ts";
import { Line, listed } from "./client.ts";
import { CLIENT_FLAGS, CLIENT_HELP, clientOptions, reasonOf } from "./flags.ts";
import { printable } from "./peer.ts";
import { amount } from "./progress.ts";

const HELP = `
Lists the files of files/serve, each with its size in bytes.

Usage: deno task examples files/list [PATH] [FLAG...]

  PATH               a file or folder of the server; all of it by default
${CLIENT_HELP}
`;

const { flags, texts } = commandLine(HELP, CLIENT_FLAGS, { texts: true });
if (texts.length > 1) {
  stop(`Cannot list as PATH must be one: current value is ${texts.length}`, 2);
}

await run(async () => {
  const options = await clientOptions(flags);
  let files = 0;
  let bytes = 0;
  try {
    await using line = new Line(options);
    for await (
      const { path, size } of listed(await line.peer(), texts[0] ?? "")
    ) {
      console.log(`${String(size).padStart(15)}  ${printable(path)}`);
      files++;
      bytes += size;
    }
  } catch (error) {
    stop(`Cannot list ${texts[0] ?? "the files"}: ${reasonOf(error)}`);
  }
  console.error(`${files} files, ${amount(bytes)}`);
});
