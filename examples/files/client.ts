/**
 * What the clients have in common: several files at once, each again after a cut.
 *
 * @module
 */

import { connect, Deadline, SocketError, TlsError } from "@sluice/net";
import { isAtOrBelow } from "../_safe_path.ts";
import { visibleText } from "../_safe_text.ts";
import type { Attributes } from "./attributes.ts";
import { type ClientOptions, reasonOf } from "./flags.ts";
import { type Entry, MAX_ENTRIES, namesIn } from "./folder.ts";
import { type MessageOf, Refusal } from "./messages.ts";
import { Peer } from "./peer.ts";
import { Progress } from "./progress.ts";
import type { OnBytes } from "./transfer.ts";

/** Cuts in a row without a byte of progress after which a file is given up. */
const MOST_CUTS = 5;
/** Bounds of a server's list: most characters of all paths, and the longest time. */
const MAX_LIST_LENGTH = 16 * 1024 * 1024;
const MAX_LIST_MS = 600_000;

/**
 * Moves one file over a connection, which is made when it is asked for.
 *
 * @returns Its SHA-256; undefined where the other side has it already.
 */
export type Move<Job extends Entry> = (
  connected: () => Promise<Peer>,
  job: Job,
  onBytes: OnBytes,
) => Promise<string | undefined>;

/**
 * Moves files, several at once. A file goes on after its connection was cut; one that
 * is refused does not hold up the others.
 *
 * Prints `SHA-256  path` for each, as `sha256sum --check` reads it.
 *
 * @returns How many failed; why is on the screen.
 */
export async function moveAll<Job extends Entry>(
  jobs: Job[],
  options: ClientOptions,
  move: Move<Job>,
): Promise<number> {
  using progress = new Progress(jobs);
  const queue = jobs.values(); // All workers take from it.
  let failed = 0;

  async function work(): Promise<void> {
    await using line = new Line(options, (why) => progress.complain(why));
    for (const job of queue) {
      try {
        const sha256 = await moveOne(line, job, { progress, move });
        if (sha256 === undefined) progress.skip(job.size);
        else progress.print(`${sha256}  ${visibleText(job.path, Infinity)}`);
      } catch (error) {
        failed++;
        line.drop();
        progress.complain(`${visibleText(job.path)}: ${reasonOf(error)}`);
        // Nothing else will get through either.
        if (!(error instanceof Refusal || isLocal(error))) throw error;
      }
    }
  }

  const workers = Array.from({ length: options.parallel }, work);
  const outcomes = await Promise.allSettled(workers);
  if (outcomes.some(({ status }) => status === "rejected")) {
    progress.complain(
      "some files were not tried; run again, and what was cut off goes on where it stopped",
    );
    failed = Math.max(failed, 1);
  }
  return failed;
}

async function moveOne<Job extends Entry>(
  line: Line,
  job: Job,
  { progress, move }: { progress: Progress; move: Move<Job> },
): Promise<string | undefined> {
  let there = 0;
  let most = 0;
  for (let cuts = 0;;) {
    try {
      return await move(() => line.peer(), job, (count, before) => {
        // What had come before the cut is counted already.
        progress.add(before ? count - there : count, before);
        there = before ? count : there + count;
        // Begun anew after each cut it would never end.
        if (before || there <= most) return;
        most = there;
        cuts = 0;
      });
    } catch (error) {
      if (!isCut(error) || ++cuts === MOST_CUTS) {
        progress.add(-there, true);
        throw error;
      }
      line.drop();
      progress.complain(
        `${visibleText(job.path)}: ${
          reasonOf(error)
        }; going on where it stopped`,
      );
    }
  }
}

/** The server cannot be reached, after several attempts. */
class UnreachableError extends Error {}

/** Whether another connection may do better. */
function isCut(error: unknown): boolean {
  return error instanceof SocketError && !(error instanceof TlsError) &&
    ["broken", "timeout", "unexpected-eof", "closed"].includes(error.code);
}

/** Whether it is about a file of this machine. */
function isLocal(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound ||
    error instanceof Deno.errors.PermissionDenied ||
    error instanceof Deno.errors.IsADirectory;
}

/** A connection that is made when it is needed, and again when it was lost. */
export class Line implements AsyncDisposable {
  readonly #options: ClientOptions;
  readonly #onWait: (why: string) => void;
  #peer: Peer | undefined;

  /**
   * Makes no connection yet.
   *
   * @param onWait Called with why there is none, once for each that is tried again.
   */
  constructor(options: ClientOptions, onWait: (why: string) => void) {
    this.#options = options;
    this.#onWait = onWait;
  }

  /**
   * The connection; a new one if there is none.
   *
   * @throws {UnreachableError} Several attempts failed.
   */
  async peer(): Promise<Peer> {
    if (this.#peer !== undefined) return this.#peer;
    const { connect: where, rate } = this.#options;
    try {
      const socket = await connect({
        ...where,
        retry: {
          ...where.retry,
          onRetry: ({ attempt, error }) => {
            if (attempt > 1) return;
            this.#onWait(`${reasonOf(error)}; trying again`);
          },
        },
      });
      return this.#peer = new Peer(socket, rate);
    } catch (error) {
      throw new UnreachableError(reasonOf(error), { cause: error });
    }
  }

  /** Gives the connection up. */
  drop(): void {
    this.#peer?.abort();
    this.#peer = undefined;
  }

  /** Ends gracefully. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#peer?.[Symbol.asyncDispose]();
  }
}

/**
 * The files of the server at or below a path.
 *
 * A client believes nothing that it is told: each path must be what was asked for, of
 * names that lead nowhere else, and come once; and the list must end.
 *
 * @throws {Refusal} The server refused, or its list is none.
 */
export async function* listed(peer: Peer, path: string): AsyncGenerator<Entry> {
  await peer.send({ type: "list", path });
  using deadline = Deadline.after(MAX_LIST_MS);
  const seen = new Set<string>();
  let length = 0;
  while (true) {
    let message = await peer.receive({ deadline });
    let attributes: Attributes | undefined;
    if (message?.type === "attributes") {
      attributes = message;
      message = await peer.receive({ deadline });
    }
    if (message?.type !== "entry") {
      if (message?.type === "end") return;
      throw new Refusal(
        message?.type === "refused"
          ? visibleText(message.reason)
          : "the server ended its list too early",
      );
    }
    const entry = checked(message, path);
    if (seen.has(entry.path)) {
      throw new Refusal(`the server lists ${entry.path} twice`);
    }
    seen.add(entry.path);
    length += entry.path.length;
    if (seen.size > MAX_ENTRIES || length > MAX_LIST_LENGTH) {
      throw new Refusal(
        "the server lists more than can be: ask for one of its folders",
      );
    }
    yield { ...entry, attributes };
  }
}

function checked(
  { path, size }: MessageOf<"entry">,
  asked: string,
): Entry {
  const shown = visibleText(path);
  try {
    namesIn(path);
  } catch (error) {
    throw new Refusal(`the server lists ${shown}: ${reasonOf(error)}`);
  }
  if (!isAtOrBelow(path, asked)) {
    throw new Refusal(`the server lists ${shown}, which was not asked for`);
  }
  if (size > Number.MAX_SAFE_INTEGER) {
    throw new Refusal(`the server lists ${shown} with an impossible size`);
  }
  return { path, size: Number(size) };
}
