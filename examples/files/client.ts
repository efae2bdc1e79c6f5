/**
 * What the clients have in common: several files at once, each again after a cut.
 *
 * @module
 */

import { connect, SocketError, TlsError } from "@sluice/net";
import { type ClientOptions, reasonOf } from "./flags.ts";
import type { Entry } from "./folder.ts";
import { Refusal } from "./messages.ts";
import { Peer, printable } from "./peer.ts";
import { Progress } from "./progress.ts";
import type { OnBytes } from "./transfer.ts";

/** Cuts in a row without a byte of progress after which a file is given up. */
const MOST_CUTS = 5;

/** Moves one file over a connection, and says its SHA-256. */
export type Move<Job extends Entry> = (
  peer: Peer,
  job: Job,
  onBytes: OnBytes,
) => Promise<string>;

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
    await using line = new Line(options);
    for (const job of queue) {
      try {
        const sha256 = await moveOne(line, job, { progress, move });
        progress.print(`${sha256}  ${printable(job.path)}`);
      } catch (error) {
        failed++;
        line.drop();
        progress.complain(`${printable(job.path)}: ${reasonOf(error)}`);
        // Nothing else will get through either.
        if (!(error instanceof Refusal || isLocal(error))) throw error;
      }
    }
  }

  const workers = Array.from({ length: options.parallel }, work);
  const outcomes = await Promise.allSettled(workers);
  const reason = outcomes.find(({ status }) => status === "rejected");
  if (reason !== undefined) {
    progress.complain("some files were not tried");
    failed = Math.max(failed, 1);
  }
  return failed;
}

async function moveOne<Job extends Entry>(
  line: Line,
  job: Job,
  { progress, move }: { progress: Progress; move: Move<Job> },
): Promise<string> {
  for (let cuts = 0;;) {
    let counted = 0;
    try {
      return await move(await line.peer(), job, (count, before) => {
        counted += count;
        if (!before) cuts = 0;
        progress.add(count, before);
      });
    } catch (error) {
      progress.add(-counted, true);
      if (!isCut(error) || ++cuts === MOST_CUTS) throw error;
      line.drop();
    }
  }
}

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
  #peer: Peer | undefined;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** The connection; a new one if there is none. */
  async peer(): Promise<Peer> {
    return this.#peer ??= new Peer(await connect(this.#options.connect));
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

/** The files of the server at or below a path, without what is odd about a list. */
export async function* listed(peer: Peer, path: string): AsyncGenerator<Entry> {
  await peer.send({ type: "list", path });
  while (true) {
    const message = await peer.receive();
    if (message?.type !== "entry") {
      if (message?.type === "end") return;
      throw new Refusal(
        message?.type === "refused"
          ? printable(message.reason)
          : "the server ended its list too early",
      );
    }
    yield { path: message.path, size: Number(message.size) };
  }
}
