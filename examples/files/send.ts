#!/usr/bin/env -S deno run --allow-net=127.0.0.1 --allow-read=.
/**
 * Sends files and folders to a server.
 *
 * @module
 */

import { commandLine, run, stop } from "../_command_line.ts";
import { complain } from "../_log.ts";
import { visibleText } from "../_safe_text.ts";
import { moveAll } from "./client.ts";
import {
  checkPaths,
  CLIENT_FLAGS,
  CLIENT_HELP,
  clientOptions,
  needs,
  reasonOf,
} from "./flags.ts";
import { attributesOf } from "./attributes.ts";
import { type Entry, Folder } from "./folder.ts";
import { Refusal } from "./messages.ts";
import { filesOf, printPlan } from "./progress.ts";
import { sendRest } from "./transfer.ts";

const HELP = `
Sends files and folders to files/serve, with resume and SHA-256. What was cut off goes on
where it stopped when it is sent again. What the server has with the same size and time
is not sent. Times are kept, and modes as far as is safe. Links are not followed, empty
folders not sent. No two files may get one name there. What cannot be sent is named, and
the exit code is 1.

Usage: deno task examples files/send PATH... [FLAG...]

  PATH...            files and folders, in the current one or allowed to Deno; each
                     keeps its last name: photos/2024 becomes 2024/...
  --again            sends also what is unchanged by size and time
  --dry-run          says what would be sent, and sends nothing
${CLIENT_HELP}

Examples:
  deno task examples files/send photos --limit 20M
  deno task examples files/send notes.txt --connect tls://127.0.0.1:8890 --ca ca.pem
`;

/** Files and folders that cannot be sent. */
let leftOut = 0;

/** A file, where it is here, and what it is to be called there. */
interface Job extends Entry {
  from: string;
}

const { flags, switches, texts } = commandLine(HELP, CLIENT_FLAGS, {
  texts: true,
  switches: ["again", "dry-run"],
});
checkPaths("send", texts);
if (texts.length === 0) {
  stop(
    "Cannot send: PATH must be at least one file, got none",
    2,
  );
}

await run(async () => {
  const options = await clientOptions(flags, needs("send", ["read"], texts));
  const jobs: Job[] = [];
  for (const path of texts) {
    try {
      jobs.push(...await jobsOf(path));
      checkNames(jobs);
    } catch (error) {
      stop(`Cannot send ${path}: ${reasonOf(error)}`);
    }
  }
  if (switches["dry-run"]) {
    printPlan(jobs, "sent");
    return finish(0);
  }
  const failed = await moveAll(
    jobs,
    options,
    async (connected, job, onBytes) => {
      using file = await Deno.open(job.from);
      const peer = await connected();
      const info = await file.stat();
      await peer.send({
        type: "offer",
        path: job.path,
        size: BigInt(info.size),
        ...attributesOf(info),
        again: switches.again ? 1 : 0,
      });
      const resume = switches.again
        ? await peer.expect("resume")
        : await peer.expect("resume", "unchanged");
      if (resume.type === "unchanged") return undefined;
      return await sendRest(peer, file, { resume, onBytes });
    },
  );
  finish(failed);

  function finish(failed: number): void {
    if (failed > 0) stop(`${failed} of ${filesOf(jobs.length)} not sent`);
    if (leftOut > 0) stop(`${leftOut} files and folders left out`);
  }
});

async function jobsOf(path: string): Promise<Job[]> {
  if ((await Deno.lstat(path)).isSymlink) {
    throw new Refusal("it is a link: give the path that it leads to");
  }
  const real = await Deno.realPath(path);
  const name = named(real.split(/[\\/]/).at(-1)!);
  const { isFile, isDirectory, size } = await Deno.stat(real);
  if (isFile) return [{ from: real, path: name, size }];
  if (!isDirectory) throw new Refusal("it is neither a file nor a folder");
  const folder = await Folder.open(real);
  const jobs: Job[] = [];
  for await (
    const { path, size } of folder.entries("", {
      maxEntries: Infinity,
      onLeftOut(path, why) {
        leftOut++;
        complain(visibleText(`${name}/${path}: left out, ${why}`, Infinity));
      },
    })
  ) {
    jobs.push({ from: `${real}/${path}`, path: `${name}/${path}`, size });
  }
  return jobs;
}

/** Some systems write é as two characters; all of them read it as one. */
function named(name: string): string {
  return name.normalize("NFC");
}

/**
 * Makes sure that each file has a name of its own, also as a folder.
 *
 * @throws {Refusal} One would replace the other, or be in its way.
 */
function checkNames(jobs: Job[]): void {
  const files = new Map<string, string>();
  for (const { path, from } of jobs) {
    const other = files.get(path);
    if (other !== undefined) {
      throw new Refusal(`${other} and ${from} would both be ${path} there`);
    }
    files.set(path, from);
  }
  for (const { path, from } of jobs) {
    for (let end; (end = path.lastIndexOf("/", end)) > 0; end--) {
      const other = files.get(path.slice(0, end));
      if (other === undefined) continue;
      throw new Refusal(`${other} would be the folder of ${from} there`);
    }
  }
}
