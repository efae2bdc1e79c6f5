#!/usr/bin/env -S deno run --allow-net=127.0.0.1 --allow-read=.
/**
 * Sends files and folders to a server.
 *
 * @module
 */

import { commandLine, run, stop } from "../_command_line.ts";
import { moveAll } from "./client.ts";
import {
  CLIENT_FLAGS,
  CLIENT_HELP,
  clientOptions,
  needs,
  reasonOf,
} from "./flags.ts";
import { type Entry, Folder } from "./folder.ts";
import { sendFile } from "./transfer.ts";

const HELP = `
Sends files and folders to files/serve. What was cut off goes on where it stopped when
it is sent again. Links are not followed, empty folders not sent.

Usage: deno task examples files/send PATH... [FLAG...]

  PATH...            files and folders, in the current one or allowed to Deno; each
                     keeps its last name: photos/2024 becomes 2024/...
${CLIENT_HELP}
`;

/** A file, where it is here, and what it is to be called there. */
interface Job extends Entry {
  from: string;
}

const { flags, texts } = commandLine(HELP, CLIENT_FLAGS, { texts: true });
if (texts.length === 0) {
  stop(
    "Cannot send as PATH must be at least one file: current value is none",
    2,
  );
}

await run(async () => {
  const options = await clientOptions(flags, needs("send", ["read"], texts));
  const jobs: Job[] = [];
  for (const path of texts) {
    try {
      jobs.push(...await jobsOf(path));
    } catch (error) {
      stop(`Cannot send ${path}: ${reasonOf(error)}`);
    }
  }
  const failed = await moveAll(jobs, options, async (peer, job, onBytes) => {
    using file = await Deno.open(job.from);
    await peer.send({ type: "put", path: job.path });
    return await sendFile(peer, file, onBytes);
  });
  if (failed > 0) stop(`${failed} of ${jobs.length} files were not sent`);
});

async function jobsOf(path: string): Promise<Job[]> {
  const real = await Deno.realPath(path);
  const name = real.split(/[\\/]/).at(-1)!;
  const { isFile, size } = await Deno.stat(real);
  if (isFile) return [{ from: real, path: name, size }];
  const folder = await Folder.open(real);
  const jobs: Job[] = [];
  for await (const { path, size } of folder.entries("")) {
    jobs.push({ from: `${real}/${path}`, path: `${name}/${path}`, size });
  }
  return jobs;
}
