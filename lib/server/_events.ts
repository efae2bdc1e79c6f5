/**
 * Where a server's events go: its own hook, and whoever traces the process.
 *
 * @module
 */

import type { Channel } from "node:diagnostics_channel";
import { BrokenError, ClosedError, TlsError } from "../errors.ts";
import type { Socket } from "../socket/socket.ts";
import type { ServerEvent } from "./events.ts";

/** Subscribers get `{ server, event }` of every server of the process. */
const CHANNEL = "sluice:server";

let tracing: Channel | undefined;

/** Loaded with the first server: clients need not wait for it when they start. */
async function loadTracing(): Promise<void> {
  const { channel } = await import("node:diagnostics_channel");
  tracing = channel(CHANNEL);
}

/** Tells events to one server's hook and to the channel; nobody else pays. */
export class EventSink {
  readonly #server: unknown;
  readonly #hook: ((event: ServerEvent) => void) | undefined;

  constructor(
    server: unknown,
    hook: ((event: ServerEvent) => void) | undefined,
  ) {
    this.#server = server;
    this.#hook = hook;
    if (tracing === undefined) loadTracing();
  }

  /** Whether anybody listens: an event that nobody hears is not even made. */
  get heard(): boolean {
    return this.#hook !== undefined || tracing?.hasSubscribers === true;
  }

  tell(event: ServerEvent): void {
    const hook = this.#hook;
    if (hook !== undefined) guard(() => hook(event));
    if (tracing?.hasSubscribers) {
      tracing.publish({ server: this.#server, event });
    }
  }
}

/** A hook that throws never breaks I/O, and is not silent either. */
export function guard(hook: () => unknown): void {
  try {
    const result: unknown = hook();
    // An async function passes for one that returns nothing.
    if (result instanceof Promise) result.catch(complain);
  } catch (error) {
    complain(error);
  }
}

function complain(error: unknown): void {
  // deno-lint-ignore no-console -- the hook that should have heard of it failed
  console.error(error);
}

/** A client that goes away, or one that we cut: nothing to be done about it. */
export function isDeparture(error: unknown, { remoteAddr }: Socket): boolean {
  const ended = error instanceof BrokenError || error instanceof ClosedError ||
    error instanceof TlsError && error.reason === "truncated";
  // Another connection that a handler made, to a database say, is another matter.
  return ended && error.remoteAddr === remoteAddr;
}
