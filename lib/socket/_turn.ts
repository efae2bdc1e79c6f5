/**
 * The end of a turn of the event loop, for all writers of the process together.
 *
 * What is written in one turn leaves in one system call for each socket. One
 * microtask, or one immediate, serves all of them: at depth it is these that cost.
 *
 * @module
 */

/** Who has something to send when the turn ends. */
export interface TurnListener {
  /** The turn is over. */
  onTurnEnd(): void;
}

/**
 * Microtasks without a new byte after which the code that runs is taken to be done.
 * A writer that awaits each write, through a function or two of its own, comes back
 * sooner.
 */
const QUIET_MICROTASKS = 4;

let soon: TurnListener[] = [];
/** How many of them still have something to send. */
let left = 0;
let late: TurnListener[] = [];
let progress = 0;
let seen = 0;
let quiet = 0;

/** Something was written: the code that runs is not done. */
export function noteProgress(): void {
  progress++;
}

/** Calls `listener` once, when the code that runs now has come to rest. */
export function whenQuiet(listener: TurnListener): void {
  left++;
  if (soon.push(listener) > 1) return;
  seen = progress;
  quiet = 0;
  queueMicrotask(onMicrotask);
}

/** One who called {@linkcode whenQuiet} has sent everything by itself. */
export function notWaiting(): void {
  left--;
}

/** Calls `listener` once, at the latest when the event loop comes round. */
export function whenTurnEnds(listener: TurnListener): void {
  if (late.push(listener) === 1) setImmediate(onImmediate);
}

function onMicrotask(): void {
  if (progress !== seen) {
    seen = progress;
    quiet = 0;
  } else {
    quiet++;
  }
  if (left > 0 && quiet <= QUIET_MICROTASKS) {
    queueMicrotask(onMicrotask);
    return;
  }
  const listeners = soon;
  soon = [];
  left = 0;
  for (const listener of listeners) listener.onTurnEnd();
}

function onImmediate(): void {
  const listeners = late;
  late = [];
  for (const listener of listeners) listener.onTurnEnd();
}
