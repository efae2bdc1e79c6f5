/**
 * What a client shows while it works: a bar with rate and time left on a terminal, and
 * a line for each file anywhere.
 *
 * @module
 */

// @ts-types="npm:@types/cli-progress@3.11.6"
import cliProgress from "npm:cli-progress@3.12.0";
import { format } from "@std/fmt/bytes";
import { RateMeter } from "@sluice/net";
import { complain } from "../_log.ts";
import { print } from "../_output.ts";
import { visibleText } from "../_safe_text.ts";
import type { Entry } from "./folder.ts";

const REDRAW_MS = 500;
const FORMAT = "{bar} {percentage}%  {done} of {size}  {rate}/s  {left} left";

/** Progress of files, until it is disposed of: then a summary is printed. */
export class Progress implements Disposable {
  readonly #bar = new cliProgress.SingleBar({
    format: FORMAT,
    barsize: 24,
    barCompleteChar: "#",
    barIncompleteChar: "-",
    clearOnComplete: true,
    hideCursor: null, // Ctrl-C would leave it hidden.
    stream: undefined,
  });
  readonly #terminal = Deno.stderr.isTerminal();
  readonly #meter = new RateMeter();
  readonly #started = performance.now();
  readonly #total: number;
  #done = 0;
  #files = 0;
  #unchanged = 0;
  /** Shows that the rate falls also while nothing comes. */
  #timer: ReturnType<typeof setInterval> | undefined;
  /** Ctrl-C: the shell gets its line back, and the exit code that it expects. */
  readonly #onInterrupt = () => {
    if (this.#terminal) this.#bar.stop(); // Also clears it.
    complain("interrupted; run it again, and it goes on where it stopped");
    Deno.exit(130);
  };

  /** @param files What is going to be moved. */
  constructor(files: readonly Entry[]) {
    this.#total = files.reduce((sum, { size }) => sum + size, 0);
    Deno.addSignalListener("SIGINT", this.#onInterrupt);
    if (!this.#terminal) return;
    this.#bar.start(this.#total, 0, this.#words());
    this.#timer = setInterval(() => this.add(0), REDRAW_MS);
  }

  /**
   * Counts bytes that are there.
   *
   * @param before They were there before, so they say nothing of the rate.
   */
  add(count: number, before = false): void {
    this.#done += count;
    if (!before) this.#meter.add(count);
    if (this.#terminal) this.#bar.update(this.#done, this.#words());
  }

  #words(): Record<string, string> {
    const rate = this.#meter.averageBytesPerSecond;
    const left = (this.#total - this.#done) / rate;
    return {
      done: amount(this.#done),
      size: amount(this.#total),
      rate: amount(rate),
      left: Number.isFinite(left) ? duration(left) : "?",
    };
  }

  /** Counts a file that the other side has already. */
  skip(size: number): void {
    this.#unchanged++;
    this.add(size, true);
  }

  /** Prints that a file is there. */
  print(line: string): void {
    this.#files++;
    this.#above(() => print(line));
  }

  /** Prints that something went wrong. */
  complain(line: string): void {
    this.#above(() => complain(line));
  }

  #above(print: () => void): void {
    if (!this.#terminal) return print();
    this.#bar.stop(); // Also clears it.
    print();
    this.#bar.start(this.#total, this.#done, this.#words());
  }

  /** Takes the bar away, and sums up. */
  [Symbol.dispose](): void {
    Deno.removeSignalListener("SIGINT", this.#onInterrupt);
    clearInterval(this.#timer);
    if (this.#terminal) this.#bar.stop();
    const seconds = (performance.now() - this.#started) / 1000;
    const { totalBytes } = this.#meter;
    complain(
      `${filesOf(this.#files)}, ${amount(totalBytes)} in ${
        duration(seconds)
      }, ` +
        `${amount(totalBytes / seconds)}/s` +
        (this.#unchanged > 0 ? `; ${filesOf(this.#unchanged)} unchanged` : ""),
    );
  }
}

/**
 * What `--dry-run` prints: each file with its size, and what all of it comes to.
 *
 * @param what What would be done, such as `"sent"`.
 */
export function printPlan(files: readonly Entry[], what: string): void {
  for (const { path, size } of files) {
    print(
      `${String(size).padStart(15)}  ${visibleText(path, Infinity)}`,
    );
  }
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  complain(`${filesOf(files.length)}, ${amount(bytes)} would be ${what}`);
}

/** A number of files in words. */
export function filesOf(count: number): string {
  return count === 1 ? "1 file" : `${count} files`;
}

/** A number of bytes in words. */
export function amount(bytes: number): string {
  const digits = bytes < 1_000 ? 0 : 1;
  return format(bytes, {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

function duration(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
