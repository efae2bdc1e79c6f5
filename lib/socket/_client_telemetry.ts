/**
 * What `connect` tells OpenTelemetry.
 *
 * @module
 */

import { isA, messageOf } from "../_check.ts";
import { ClosedError } from "../errors.ts";
import {
  type Attributes,
  histogram,
  observe,
  type ObservedInstrument,
  type Span,
  SPAN_KIND,
  startSpan,
} from "../telemetry.ts";
import {
  CONNECTION_BOUNDS,
  errorType,
  RECEIVED,
  secondsSince,
  SENT,
  serverAttributes,
  WAIT_BOUNDS,
} from "../telemetry_conventions.ts";
import type { DialOptions, HostsDialOptions } from "../transport/options.ts";
import type { Socket } from "./socket.ts";

const INSTRUMENTS = {
  "sluice.client.active_connections": {
    kind: "up-down",
    unit: "{connection}",
    description: "Connections that are open",
  },
  "sluice.client.io": {
    kind: "counter",
    unit: "By",
    description: "Bytes received and sent",
  },
} satisfies Record<string, ObservedInstrument>;

/** Connects with `open`, and follows what becomes of it. */
export async function connectTraced(
  options: DialOptions | HostsDialOptions,
  open: () => Promise<Socket>,
): Promise<Socket> {
  // One of several hosts is known when it is connected.
  const target = options.hosts === undefined ? targetAttributes(options) : {};
  const span = startSpan("sluice.client.connection", SPAN_KIND.client, target);
  const took = histogram(
    "sluice.client.connect.duration",
    "From the call of connect to a socket, or an error",
    WAIT_BOUNDS,
  );
  const startMs = performance.now();
  try {
    const socket = await (span === undefined ? open() : span.run(open));
    const attributes = options.hosts === undefined
      ? target
      : serverAttributes(socket.remoteAddr);
    took?.record(secondsSince(startMs), attributes);
    follow(socket, attributes, span);
    return socket;
  } catch (error) {
    const type = errorType(error);
    took?.record(secondsSince(startMs), { ...target, "error.type": type });
    span?.fail(type, messageOf(error));
    span?.end({});
    throw error;
  }
}

async function follow(
  socket: Socket,
  attributes: Attributes,
  span: Span | undefined,
): Promise<void> {
  const lasted = histogram(
    "sluice.client.connection.duration",
    "From a socket to its end",
    CONNECTION_BOUNDS,
  );
  const startMs = performance.now();
  const end = observe(INSTRUMENTS, attributes, (tell) => {
    tell("sluice.client.active_connections", 1);
    tell("sluice.client.io", socket.stats.bytesRead, RECEIVED);
    tell("sluice.client.io", socket.stats.bytesWritten, SENT);
  });
  await socket.closed;
  end();
  const { reason } = socket.signal;
  let failure: Attributes = {};
  if (!isA(reason, ClosedError)) {
    const type = errorType(reason);
    failure = { "error.type": type };
    span?.fail(type, messageOf(reason));
  }
  lasted?.record(secondsSince(startMs), { ...attributes, ...failure });
  span?.end({
    ...attributes,
    "sluice.connection.bytes_read": socket.stats.bytesRead,
    "sluice.connection.bytes_written": socket.stats.bytesWritten,
  });
}

function targetAttributes(options: DialOptions): Attributes {
  if (options.path !== undefined) {
    return serverAttributes({ transport: "unix", path: options.path });
  }
  const { hostname = "127.0.0.1", port } = options;
  // A dialer of one's own may need no port.
  if (port === undefined) return {};
  return serverAttributes({ transport: "tcp", hostname, port });
}
