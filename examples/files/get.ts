#!/usr/bin/env -S deno run --allow-net=127.0.0.1 --allow-read=received,ca.pem --allow-write=received
/**
 * Gets files and folders from a server.
 *
 * @module
 */

import { ensurePermissions } from "@sluice/net/permissions";
import { commandLine, run, stop } from "../_command_line.ts";
import { complain } from "../_log.ts";
import { Line, listed, moveAll } from "./client.ts";
import { ExistingFile } from "./existing_file.ts";
import {
  checkPaths,
  CLIENT_FLAGS,
  CLIENT_HELP,
  clientOptions,
  needs,
  reasonOf,
  sizeFlag,
} from "./flags.ts";
import { type Entry, Folder } from "./folder.ts";
import { Refusal } from "./messages.ts";
import { PartFile } from "./part_file.ts";
import { amount, filesOf, printPlan } from "./progress.ts";
import { receiveFile } from "./transfer.ts";

const HELP = `
Gets files and folders from files/serve, with resume and SHA-256. What was cut off goes on
where it stopped when it is asked for again. A file that is here with the same size and
time is not asked for; another one that is here already is compared, and not replaced.
Times are kept, and modes as far as is safe.

Usage: deno task examples files/get PATH... [--into DIR] [FLAG...]

  PATH...            files and folders of the server
  --into DIR         the folder they are put into, and made if it is missing; received
                     by default. Another one must be allowed to Deno.
  --again            compares also what is unchanged by size and time
  --overwrite        replaces files that are here and differ
  --at-most SIZE     gets nothing if it is more in all; 10G by default
  --dry-run          says what there is to get, and gets nothing
${CLIENT_HELP}

Examples:
  deno task examples files/get photos/2024
  deno task examples files/get notes.txt --overwrite --limit 2M
`;

const { flags, switches, texts } = commandLine(
  HELP,
  { ...CLIENT_FLAGS, into: "received", "at-most": "10G" },
  { texts: true, switches: ["again", "dry-run", "overwrite"] },
);
checkPaths("get", texts);
if (texts.length === 0) {
  stop("Cannot get: PATH must be at least one file, got none", 2);
}
const atMost = sizeFlag("at-most", flags["at-most"]);
/** A link leads elsewhere, which must be allowed, too. */
const mayWrite = (path: string) => needs("write to", ["read", "write"], [path]);

await run(async () => {
  const options = await clientOptions(
    flags,
    mayWrite(flags.into),
  );
  const jobs = new Map<string, Entry>();
  let folder: Folder;
  try {
    await using line = new Line(options, (why) => complain(why));
    for (const text of texts) {
      const path = text.replace(/\/+$/, "");
      for await (const entry of listed(await line.peer(), path)) {
        jobs.set(entry.path, entry);
      }
    }
    const bytes = jobs.values().reduce((sum, { size }) => sum + size, 0);
    if (bytes > atMost) {
      throw new Refusal(
        `it is ${amount(bytes)} in ${
          filesOf(jobs.size)
        }: allow it with --at-most`,
      );
    }
    if (switches["dry-run"]) return printPlan([...jobs.values()], "got");
    folder = await Folder.open(flags.into, true);
    await ensurePermissions(mayWrite(folder.root));
  } catch (error) {
    stop(`Cannot get ${texts.join(", ")}: ${reasonOf(error)}`);
  }

  const failed = await moveAll(
    [...jobs.values()],
    options,
    async (connected, { path, size, attributes }, onBytes) => {
      if (
        !switches.again && attributes !== undefined &&
        await folder.hasUnchanged(path, { size, ...attributes })
      ) return undefined;
      if (!switches.overwrite && await folder.has(path)) {
        const file = await ExistingFile.read(await folder.place(path));
        const peer = await connected();
        await peer.send({ type: "get", path });
        return await receiveFile(peer, file, { size, onBytes });
      }
      await using part = await PartFile.open(folder, path, {
        replace: switches.overwrite,
        attributes,
      });
      const peer = await connected();
      await peer.send({ type: "get", path });
      return await receiveFile(peer, part, { size, onBytes });
    },
  );
  if (failed > 0) stop(`${failed} of ${filesOf(jobs.size)} not got`);
});
