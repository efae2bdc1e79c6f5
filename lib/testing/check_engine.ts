/**
 * The conformance kit for engines of hubs.
 *
 * @module
 */

import {
  checkFunction,
  checkInteger,
  checkMethods,
  checkNames,
  checkNumber,
  checkObject,
} from "../_check.ts";
import type { Engine } from "../hub/engine.ts";
import { waitWithin } from "../time/call_limits.ts";
import { AssertionError } from "./_decoding.ts";
import { ENGINE_CHECKS } from "./_engine_checks.ts";

/**
 * One participant of what an engine carries: a process, as a rule.
 *
 * @category Conformance kits
 */
export interface EngineParticipant {
  /** Its engine. */
  readonly engine: Engine;
  /** Closes what is below it. Nothing by default. */
  close?(): unknown;
}

/**
 * Options of {@linkcode checkEngine}.
 *
 * @category Conformance kits
 */
export interface CheckEngineOptions {
  /**
   * Breaks the links of all participants, and resolves when they are back: restart the
   * broker, say. Without it, what an engine says of an interruption is not checked. None by
   * default.
   */
  interrupt?: (() => unknown) | undefined;
  /**
   * Messages that are published in a row, at least 2.
   *
   * @default {1_000}
   */
  burstMessages?: number | undefined;
  /**
   * Milliseconds after which a message that has not come does not come any more.
   *
   * @default {50}
   */
  settleMs?: number | undefined;
  /**
   * Most milliseconds that each check may take.
   *
   * @default {10_000}
   */
  timeoutMs?: number | undefined;
}

const ACTION = "check an engine";

const OPTION_NAMES: ReadonlySet<string> = new Set(
  [
    "interrupt",
    "burstMessages",
    "settleMs",
    "timeoutMs",
  ] satisfies (keyof CheckEngineOptions)[],
);

/**
 * Checks that an engine does all that a hub builds on: messages of any content, topics that
 * are kept apart however they look, the order of each publisher, nothing lost without a
 * gap that says so and nothing doubled, bytes that are the caller's again when `publish`
 * resolves, and subscriptions that end when they are closed and leave nothing behind.
 *
 * Each check has two participants, once in either role. It may lose messages, where it
 * says so.
 *
 * @param open Joins another participant to the same carrier; called twice for each check.
 * @param options An interruption, and limits.
 * @throws {Error} Of name `"AssertionError"`: a check failed; the message says which, and
 * `cause` holds the reason.
 * @throws {TypeError} An option is of the wrong type, or is not known.
 * @throws {RangeError} An option is out of range.
 *
 * @category Conformance kits
 *
 * @example Check the engine of one process
 * ```ts
 * import { memoryEngine } from "@sluice/net/hub";
 * import { checkEngine } from "@sluice/net/testing";
 *
 * const engine = memoryEngine();
 * await checkEngine(() => ({ engine }), { burstMessages: 100, settleMs: 1 });
 * ```
 */
export async function checkEngine(
  open: () => EngineParticipant | Promise<EngineParticipant>,
  options: CheckEngineOptions = {},
): Promise<void> {
  checkFunction(ACTION, "open", open);
  checkNames(ACTION, "options", options, OPTION_NAMES);
  const {
    interrupt,
    burstMessages = 1_000,
    settleMs = 50,
    timeoutMs = 10_000,
  } = options;
  if (interrupt !== undefined) checkFunction(ACTION, "interrupt", interrupt);
  checkInteger(ACTION, "burstMessages", burstMessages, 2);
  checkNumber(ACTION, "settleMs", settleMs, 0);
  checkNumber(ACTION, "timeoutMs", timeoutMs, 1);
  const conditions = { interrupt, burstMessages, settleMs, timeoutMs };
  for (const [name, check] of Object.entries(ENGINE_CHECKS)) {
    await using stack = new AsyncDisposableStack();
    const openOne = async (): Promise<EngineParticipant> => {
      const opened = await open();
      checkObject(ACTION, "what open gives", opened);
      stack.defer(async () => {
        await opened.close?.();
      });
      const { engine } = opened;
      checkMethods(ACTION, "engine", engine, ["publish", "subscribe"]);
      return opened;
    };
    const [left, right] = [await openOne(), await openOne()];
    try {
      for (const [one, other] of [[left, right], [right, left]]) {
        const checked = check(one.engine, other.engine, conditions);
        await waitWithin("check", checked, { timeoutMs });
      }
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new AssertionError(`Cannot pass "${name}": ${reason}`, { cause });
    }
  }
}
