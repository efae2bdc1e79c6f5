#!/usr/bin/env -S deno run --allow-net=127.0.0.1 --allow-read=. --allow-write=.
/**
 * Gets files and folders from a server.
 *
 * @module
 */

import { commandLine, run, stop } from "../_command_line.ts";
import { Line, listed, moveAll } from "./client.ts";
import {
  CLIENT_FLAGS,
  CLIENT_HELP,
  clientOptions,
  needs,
  reasonOf,
} from "./flags.ts";
import { type Entry, Folder } from "./folder.ts";
import { PartFile } from "./part_file.ts";
import { receiveFile } from "./transfer.ts";

const HELP = `
Gets files and folders from files/serve. What was cut off goes on where it stopped when
it is asked for again.

Usage: deno task examples files/get PATH... [--into DIR] [FLAG...]

  PATH...            files and folders of the server
  --into DIR         the folder they are put into, in the current one or allowed to
                     Deno; the current one by default
${CLIENT_HELP}
`;

const { flags, texts } = commandLine(HELP, { ...CLIENT_FLAGS, into: "." }, {
  texts: true,
});
if (texts.length === 0) {
  stop(
    "Cannot get as PATH must be at least one file: current value is none",
    2,
  );
}

await run(async () => {
  const options = await clientOptions(
    flags,
    needs("write to", ["read", "write"], [flags.into]),
  );
  const jobs: Entry[] = [];
  let folder: Folder;
  try {
    folder = await Folder.open(flags.into);
    await using line = new Line(options);
    for (const path of texts) {
      for await (const entry of listed(await line.peer(), path)) {
        jobs.push(entry);
      }
    }
  } catch (error) {
    stop(`Cannot get ${texts.join(", ")}: ${reasonOf(error)}`);
  }
  const failed = await moveAll(
    jobs,
    options,
    async (peer, { path }, onBytes) => {
      await using part = await PartFile.open(folder, path);
      await peer.send({ type: "get", path });
      return await receiveFile(peer, part, onBytes);
    },
  );
  if (failed > 0) stop(`${failed} of ${jobs.length} files were not got`);
});
