/**
 * How all sockets of the process share the event loop: a budget of ready I/O.
 *
 * A transport that has bytes already answers a read without a turn of the event loop. So a
 * peer that floods is read, decoded and served in one go, for seconds, and no other socket
 * gets its bytes meanwhile. Tokio, on which Deno runs, gives each of its tasks a budget
 * for the same reason (`tokio::task::coop`); but when that is spent, the runtime asks the
 * system for I/O events only every 61 turns. So the sockets give way here:
 *
 * - A call costs a unit, and so does a batch that a caller waits for; 256 bytes that are read
 *   or written cost one more. When 256 units are spent, the clock is looked at. So a call
 *   costs a subtraction.
 * - Between two looks one read of a connection of Deno's is a sample: was it answered within
 *   a few microtasks? If not, the event loop has come round, and all sockets had their turn.
 *   Under ordinary load, however heavy, it does so all the time, and nothing else happens.
 * - If it has not come round for a time slice, every call of every socket waits until it
 *   has. The slice is short where a sample was ready, as those of floods and bulk transfers
 *   are, and longer for work on what one turn has brought. It is as short for a transfer
 *   that is alone, for which that costs 4 %: a peer that asks seldom would otherwise find
 *   the long one each time.
 *
 * Letting the event loop come round takes {@linkcode TURNS} immediates, as the runtime asks
 * for I/O events when it has nothing else to do, or after 61 turns; fewer where a read of
 * another socket ends before that was not ready all along. Together they take 0.1 ms. What else was tried: one
 * immediate, or a message through a `MessageChannel`, lets events in only every 61st time; `setTimeout(0)` always does, but sleeps for 2 ms, which
 * halves what a peer that is alone can send; an operation of the thread pool
 * (`crypto.subtle.digest`) does only where that thread is slower than this one.
 *
 * Datagrams over `node:dgram` have a part in it. Those of `Deno.listenDatagram` have none:
 * what waits beside a flood of them waits no less with it, and a seventh of them is lost.
 *
 * Transports in memory have no part in it: they keep no I/O waiting, and what is simulated
 * must not depend on the clock of this machine.
 *
 * @module
 */

/** Milliseconds after which others get their turn, where reads are ready. */
const FLOOD_SLICE_MS = 2.5;
/**
 * The same, where reads are not ready: fifty sockets that each got a hundred frames in the
 * last turn take 5 ms, and then the event loop comes round by itself.
 */
const BURST_SLICE_MS = 20;
/** For so long a read that was ready shows that a peer floods, whatever others do. */
const FLOOD_MEMORY_MS = 20;
/** Units between two looks at the clock. */
const UNITS = 256;
const BITS_OF_UNIT = 8;
/** Immediates in a row after which the runtime has asked for I/O events. */
const TURNS = 64;
/**
 * Immediates within which reads end that were in flight and ready when the pause began:
 * those of other peers that flood. The runtime lets 128 of them end in a turn.
 */
const READY_TURNS = 8;
/** Microtasks within which a transport that has bytes already answers. */
const READY_MICROTASKS = 6;

/** A caller that found the budget spent, and waits. */
export interface BudgetWaiter {
  /** There is a new budget. */
  onNewBudget(): void;
}

let left = UNITS;
let waiting = false;
let waiters: BudgetWaiter[] = [];
let turns = 0;
/** When the event loop was last known to have come round. */
let sliceStart = 0;

/** Whether the next read is to be a sample. */
let sampleWanted = true;
/** The read loop whose read is the sample, until it is known whether it was ready. */
let sampled: object | undefined;
let sampleMicrotasks = 0;
/** When a sample was last ready. */
let readyAt = -Infinity;
/**
 * Whether a sample was not ready, since the last look. At first true: a slice begins then.
 */
let sampleWaited = true;

/** Spends a unit; `false` where there is none: then wait with {@linkcode waitForBudget}. */
export function spendUnit(): boolean {
  return --left > 0 || refill();
}

/** A transport has moved `bytes`. */
export function spendBytes(bytes: number): void {
  left -= bytes >> BITS_OF_UNIT;
}

/** Calls `onNewBudget` once, when other sockets have had their turn. */
export function waitForBudget(waiter: BudgetWaiter): void {
  waiters.push(waiter);
}

/** Whether other sockets are having their turn just now. */
export function isBudgetSpent(): boolean {
  return waiting;
}

/**
 * A transport read has begun.
 *
 * @param loop Whose it is.
 * @param isSystem Whether it is Deno's own connection that reads. Another transport may
 * take turns of the event loop, `node:tls` does, to hand over what it has, and no system
 * call is made meanwhile: that it answers late says nothing.
 */
export function noteReadStart(loop: object, isSystem: boolean): void {
  if (!sampleWanted || !isSystem) return;
  sampleWanted = false;
  sampled = loop;
  sampleMicrotasks = 0;
  queueMicrotask(watchSample);
}

/**
 * A transport read has brought `bytes`.
 *
 * @param isSystem Whether it is Deno's own connection that has read: only then the end of
 * a read shows that the runtime has asked for I/O events.
 */
export function noteReadEnd(
  loop: object,
  bytes: number,
  isSystem: boolean,
): void {
  if (sampled === loop) {
    sampled = undefined;
    readyAt = performance.now();
  }
  // It was not ready: the runtime has asked for I/O events, and the pause may end.
  if (waiting && isSystem && turns > READY_TURNS) turns = TURNS;
  spendBytes(bytes);
}

function watchSample(): void {
  if (sampled === undefined) return;
  if (++sampleMicrotasks < READY_MICROTASKS) {
    queueMicrotask(watchSample);
  } else {
    sampled = undefined;
    sampleWaited = true;
  }
}

function refill(): boolean {
  if (waiting) return false;
  const now = performance.now();
  if (sampleWaited) {
    sampleWaited = false;
    sliceStart = now;
  }
  sampleWanted = sampled === undefined;
  left = UNITS;
  if (now - sliceStart < sliceMs(now)) return true;
  waiting = true;
  turns = 0;
  setImmediate(onTurn);
  return false;
}

function onTurn(): void {
  if (++turns < TURNS) {
    setImmediate(onTurn);
    return;
  }
  waiting = false;
  left = UNITS;
  sliceStart = performance.now();
  const woken = waiters;
  waiters = [];
  for (const waiter of woken) waiter.onNewBudget();
}

function sliceMs(now: number): number {
  return now - readyAt > FLOOD_MEMORY_MS ? BURST_SLICE_MS : FLOOD_SLICE_MS;
}
