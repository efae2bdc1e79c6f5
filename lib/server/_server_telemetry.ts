/**
 * What a server tells OpenTelemetry.
 *
 * @module
 */

import { messageOf } from "../_check.ts";
import type { Addr } from "../addr.ts";
import {
  type Attributes,
  type Histogram,
  histogram,
  observe,
  type ObservedInstrument,
  type Span,
  SPAN_KIND,
  startSpan,
} from "../telemetry.ts";
import {
  addressAttributes,
  CONNECTION_BOUNDS,
  errorType,
  RECEIVED,
  SENT,
  serverAttributes,
} from "../telemetry_conventions.ts";
import type { ClosedEvent, ServerEvent, ServerStats } from "./events.ts";
import type { Handler } from "./serve_options.ts";

/** What is observed. One connection counts as accepted when its handler starts. */
const INSTRUMENTS = {
  "sluice.server.active_connections": {
    kind: "up-down",
    unit: "{connection}",
    description: "Connections that are open and have a handler",
  },
  "sluice.server.handshakes": {
    kind: "up-down",
    unit: "{connection}",
    description: "Connections in their PROXY header or TLS handshake",
  },
  "sluice.server.accepted": {
    kind: "counter",
    unit: "{connection}",
    description: "Connections whose handler was started",
  },
  "sluice.server.rejected": {
    kind: "counter",
    unit: "{connection}",
    description: "Connections that were turned away, or failed their handshake",
  },
  "sluice.server.accept_errors": {
    kind: "counter",
    unit: "{error}",
    description: "Accepts that failed",
  },
  "sluice.server.io": {
    kind: "counter",
    unit: "By",
    description: "Bytes received and sent",
  },
} satisfies Record<string, ObservedInstrument>;

interface OpenConnection {
  readonly span: Span | undefined;
  /** The type of what its handler threw. */
  failure: string | undefined;
}

/** Follows one server by its events and counters. */
export class ServerTelemetry {
  readonly #attributes: Attributes;
  readonly #durations: Histogram | undefined;
  /** Those that are open. */
  readonly #connections = new Map<number, OpenConnection>();
  readonly #rejections = new Map<string, number>();
  readonly #end: () => void;

  /**
   * @param addr Where the server listens.
   * @param stats Its counters as they are now.
   */
  constructor(addr: Addr, stats: () => ServerStats) {
    const attributes = this.#attributes = serverAttributes(addr);
    this.#durations = histogram(
      "sluice.server.connection.duration",
      "From accept to end",
      CONNECTION_BOUNDS,
    );
    this.#end = observe(INSTRUMENTS, attributes, (tell) => {
      const now = stats();
      tell("sluice.server.active_connections", now.active);
      tell("sluice.server.handshakes", now.handshakes);
      tell("sluice.server.accepted", now.accepted);
      for (const [reason, count] of this.#rejections) {
        tell("sluice.server.rejected", count, { reason });
      }
      tell("sluice.server.accept_errors", now.acceptErrors);
      tell("sluice.server.io", now.bytesRead, RECEIVED);
      tell("sluice.server.io", now.bytesWritten, SENT);
    });
  }

  /** The server has ended. */
  end(): void {
    this.#end();
  }

  /** Runs the handler within the span of its connection. */
  wrap(handler: Handler): Handler {
    return (socket, context) => {
      const span = this.#connections.get(context.id)?.span;
      return span === undefined
        ? handler(socket, context)
        : span.run(() => handler(socket, context));
    };
  }

  onEvent(event: ServerEvent): void {
    switch (event.type) {
      case "accepted":
        return this.#start(event.id, event.socket.remoteAddr);
      case "error":
      case "timeout":
        return this.#fail(event.id, event.error);
      case "closed":
        return this.#close(event);
      case "rejected":
        return this.#reject(event.reason);
      case "tls-failed":
      case "proxy-failed":
        return this.#reject(event.type);
    }
  }

  #start(id: number, remoteAddr: Addr): void {
    const span = startSpan("sluice.server.connection", SPAN_KIND.server, {
      ...this.#attributes,
      "sluice.connection.id": id,
      ...addressAttributes("client", remoteAddr),
    });
    this.#connections.set(id, { span, failure: undefined });
  }

  /** A handler may throw after its connection was cut: that is told no more. */
  #fail(id: number, error: unknown): void {
    const connection = this.#connections.get(id);
    if (connection === undefined) return;
    connection.failure = errorType(error);
    connection.span?.fail(connection.failure, messageOf(error));
  }

  #close({ id, durationMs, bytesRead, bytesWritten }: ClosedEvent): void {
    const { span, failure } = this.#connections.get(id) ?? {};
    this.#connections.delete(id);
    this.#durations?.record(
      durationMs / 1000,
      failure === undefined
        ? this.#attributes
        : { ...this.#attributes, "error.type": failure },
    );
    span?.end({
      "sluice.connection.bytes_read": bytesRead,
      "sluice.connection.bytes_written": bytesWritten,
    });
  }

  #reject(reason: string): void {
    this.#rejections.set(reason, (this.#rejections.get(reason) ?? 0) + 1);
  }
}
