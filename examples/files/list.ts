#!/usr/bin/env -S deno run --allow-net=127.0.0.1 --allow-read=ca.pem
/**
 * Lists the files of a server.
 *
 * @module
 */

import { commandLine, run, stop } from "../_command_line.ts";
import { complain } from "../_log.ts";
import { print } from "../_output.ts";
import { visibleText } from "../_safe_text.ts";
import { Line, listed } from "./client.ts";
import {
  checkPaths,
  CLIENT_FLAGS,
  CLIENT_HELP,
  clientOptions,
  reasonOf,
} from "./flags.ts";
import { amount, filesOf } from "./progress.ts";

const HELP = `
Lists the files of files/serve, each with its size in bytes.

Usage: deno task examples files/list [PATH] [FLAG...]

  PATH               a file or folder of the server; all of it by default
${CLIENT_HELP}

Examples:
  deno task examples files/list
  deno task examples files/list photos
`;

const { flags, texts } = commandLine(HELP, CLIENT_FLAGS, { texts: true });
checkPaths("list", texts);
if (texts.length > 1) {
  stop(`Cannot list: PATH must be one file or folder, got ${texts.length}`, 2);
}

await run(async () => {
  const options = await clientOptions(flags);
  const path = (texts[0] ?? "").replace(/\/+$/, "");
  let files = 0;
  let bytes = 0;
  try {
    await using line = new Line(options, (why) => complain(why));
    for await (const entry of listed(await line.peer(), path)) {
      print(
        `${String(entry.size).padStart(15)}  ${
          visibleText(entry.path, Infinity)
        }`,
      );
      files++;
      bytes += entry.size;
    }
  } catch (error) {
    stop(`Cannot list ${texts[0] ?? "the files"}: ${reasonOf(error)}`);
  }
  complain(`${filesOf(files)}, ${amount(bytes)}`);
});
