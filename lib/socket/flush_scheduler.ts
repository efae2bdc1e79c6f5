/**
 * When blocks leave: one flush scheduler for all writers of the process.
 *
 * What is written in one turn of the event loop leaves in one system call for each
 * socket. One microtask, or one immediate, serves all of them: with many frames in
 * flight it is these that cost.
 *
 * A flush is asked for in one of two ways:
 *
 * - **soon** ({@linkcode flushSoon}): when the code that runs now writes no more, seen
 *   by microtasks that pass without a new byte. A lone answer leaves at once.
 * - **late** ({@linkcode flushLate}): at the end of the turn. With input waiting, more
 *   answers are on their way, and all of them leave together.
 *
 * @module
 */

import { isBudgetSpent } from "./io_budget.ts";

/** A writer that has something to send. */
export interface Flushable {
  /** The time that was asked for has come. */
  onFlush(): void;
}

/**
 * Microtasks without a new byte after which the code that runs is taken to be done.
 * A caller that awaits each write, through a function or two of its own, comes back
 * sooner.
 */
const QUIET_MICROTASKS = 4;

let soon: Flushable[] = [];
/** How many of them still have something to send. */
let left = 0;
let late: Flushable[] = [];
let writes = 0;
let writesSeen = 0;
let quiet = 0;

/** Something was written: the code that runs is not done. */
export function noteWrite(): void {
  writes++;
}

/** Calls `onFlush` once, when the code that runs now writes no more. */
export function flushSoon(writer: Flushable): void {
  left++;
  if (soon.push(writer) > 1) return;
  writesSeen = writes;
  quiet = 0;
  queueMicrotask(onMicrotask);
}

/** A writer that called {@linkcode flushSoon} has sent everything by itself. */
export function flushedAlready(): void {
  left--;
}

/** Calls `onFlush` once, at the latest when the event loop comes round. */
export function flushLate(writer: Flushable): void {
  if (late.push(writer) === 1) setImmediate(onImmediate);
}

function onMicrotask(): void {
  if (writes !== writesSeen) {
    writesSeen = writes;
    quiet = 0;
  } else {
    quiet++;
  }
  if (left > 0 && quiet <= QUIET_MICROTASKS) {
    queueMicrotask(onMicrotask);
    return;
  }
  const writers = soon;
  soon = [];
  left = 0;
  for (const writer of writers) writer.onFlush();
}

function onImmediate(): void {
  if (isBudgetSpent()) {
    // Other sockets still have their turn: their answers leave together.
    setImmediate(onImmediate);
    return;
  }
  const writers = late;
  late = [];
  for (const writer of writers) writer.onFlush();
}
