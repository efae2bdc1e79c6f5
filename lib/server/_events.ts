/**
 * Where a server's events go: to its own hook, to OpenTelemetry, and to what traces
 * the process.
 *
 * @module
 */

import type { Channel } from "node:diagnostics_channel";
import { guard } from "../_guard.ts";
import type { ServerTelemetry } from "./_server_telemetry.ts";
import type { ServerEvent } from "./events.ts";

/** Subscribers get `{ server, event }` of every server of the process. */
const CHANNEL = "sluice:server";

let tracing: Channel | undefined;

/** Loaded with the first server: clients need not wait for it when they start. */
async function loadTracing(): Promise<void> {
  const { channel } = await import("node:diagnostics_channel");
  tracing = channel(CHANNEL);
}

/**
 * Emits events to one server's hook, telemetry and the channel; without any of them nothing
 * is made.
 */
export class EventSink {
  readonly #server: unknown;
  readonly #hook: ((event: ServerEvent) => unknown) | undefined;
  /** Set before the first client comes, where the server has it. */
  telemetry: ServerTelemetry | undefined;

  constructor(
    server: unknown,
    hook: ((event: ServerEvent) => unknown) | undefined,
  ) {
    this.#server = server;
    this.#hook = hook;
    if (tracing === undefined) loadTracing();
  }

  /** Whether an event is worth making. */
  get hasListeners(): boolean {
    return this.#hook !== undefined || this.telemetry !== undefined ||
      tracing?.hasSubscribers === true;
  }

  emit(event: ServerEvent): void {
    const { telemetry } = this;
    if (telemetry !== undefined) guard(() => telemetry.onEvent(event));
    const hook = this.#hook;
    if (hook !== undefined) guard(() => hook(event));
    if (tracing?.hasSubscribers) {
      tracing.publish({ server: this.#server, event });
    }
  }
}
