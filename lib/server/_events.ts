/**
 * Where a server's events go: its own hook, and whoever traces the process.
 *
 * @module
 */

import { channel } from "node:diagnostics_channel";
import type { ServerEvent } from "./events.ts";

/** Subscribers get `{ server, event }` of every server of the process. */
const serverEvents = channel("sluice:server");

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
  }

  /** Whether anybody listens: an event that nobody hears is not even made. */
  get heard(): boolean {
    return this.#hook !== undefined || serverEvents.hasSubscribers;
  }

  tell(event: ServerEvent): void {
    const hook = this.#hook;
    if (hook !== undefined) guard(() => hook(event));
    if (serverEvents.hasSubscribers) {
      serverEvents.publish({ server: this.#server, event });
    }
  }
}

/** A hook that throws never breaks I/O, and is not silent either. */
export function guard(hook: () => void): void {
  try {
    hook();
  } catch (error) {
    // deno-lint-ignore no-console -- the hook that should have heard of it failed
    console.error(error);
  }
}
