/**
 * Looks at the options of a server, before anything is opened.
 *
 * @module
 */

import {
  checkAboveZero,
  checkBoolean,
  checkFunction,
  checkNames,
  checkNumber,
  checkSignal,
  readOptions,
  wrongKind,
} from "../_check.ts";
import {
  checkSocketOptions,
  SOCKET_OPTION_NAMES,
} from "../socket/check_options.ts";
import type { SocketOptions } from "../socket/options.ts";
import { Deadline } from "../time/deadline.ts";
import { BIND_OPTION_NAMES, namesOf } from "../transport/option_names.ts";
import { checkAdmissionOptions } from "./_admission.ts";
import { checkProxyProtocolOptions } from "./_proxy_gate.ts";
import type {
  Handler,
  ServeOptions,
  ServerOptions,
  ShutdownOptions,
} from "./serve_options.ts";

/** One name for each option: the compiler finds one that is missing. */
const serverNames: Record<
  Exclude<keyof ServerOptions, keyof SocketOptions>,
  true
> = {
  maxConnections: true,
  onLimit: true,
  maxConnectionsPerAddress: true,
  allow: true,
  deny: true,
  maxBufferedBytes: true,
  handshakeTimeoutMs: true,
  maxConnectionAgeMs: true,
  maxConnectionAgeGraceMs: true,
  proxyProtocol: true,
  drainOnSignals: true,
  shutdownTimeoutMs: true,
  signal: true,
  onError: true,
  onEvent: true,
  telemetry: true,
};

/** Names of {@linkcode ServeOptions}. */
export const SERVE_OPTION_NAMES: ReadonlySet<string> = namesOf(
  BIND_OPTION_NAMES,
  SOCKET_OPTION_NAMES,
  Object.keys(serverNames),
);

/** Names of {@linkcode ShutdownOptions}. */
const SHUTDOWN_OPTION_NAMES: ReadonlySet<string> = new Set(
  ["timeoutMs", "deadline", "signal"] satisfies (keyof ShutdownOptions)[],
);

/**
 * Throws if an option is unknown, of the wrong type or out of range, naming it. Gives the
 * options as they were checked.
 */
export function checkServeOptions(
  given: ServeOptions,
  handler: Handler,
): ServeOptions {
  const action = "serve";
  checkNames(action, "options", given, SERVE_OPTION_NAMES);
  const options = readOptions(given, SERVE_OPTION_NAMES);
  checkSocketOptions(action, options);
  checkAdmissionOptions(action, options);
  const { maxBufferedBytes, handshakeTimeoutMs, shutdownTimeoutMs } = options;
  const { proxyProtocol, drainOnSignals, signal, onError, onEvent } = options;
  const { telemetry } = options;
  const { maxConnectionAgeMs, maxConnectionAgeGraceMs } = options;
  const ages = { maxConnectionAgeMs, maxConnectionAgeGraceMs };
  for (const [name, ms] of Object.entries(ages)) {
    if (ms !== undefined) checkAboveZero(action, name, ms);
  }
  if (proxyProtocol !== undefined) {
    checkProxyProtocolOptions(action, proxyProtocol);
  }
  if (maxBufferedBytes !== undefined) {
    checkNumber(action, "maxBufferedBytes", maxBufferedBytes, 1);
  }
  if (handshakeTimeoutMs !== undefined) {
    checkNumber(action, "handshakeTimeoutMs", handshakeTimeoutMs, 1);
  }
  if (shutdownTimeoutMs !== undefined) {
    checkNumber(action, "shutdownTimeoutMs", shutdownTimeoutMs, 0);
  }
  if (drainOnSignals !== undefined) {
    checkBoolean(action, "drainOnSignals", drainOnSignals);
  }
  if (telemetry !== undefined) checkBoolean(action, "telemetry", telemetry);
  if (signal !== undefined) checkSignal(action, "signal", signal);
  if (onError !== undefined) checkFunction(action, "onError", onError);
  if (onEvent !== undefined) checkFunction(action, "onEvent", onEvent);
  checkFunction(action, "the handler", handler);
  return options;
}

/** Throws if a limit of a shutdown is unknown, of the wrong type or out of range. */
export function checkShutdownOptions(options: ShutdownOptions): void {
  const action = "shut down";
  checkNames(action, "options", options, SHUTDOWN_OPTION_NAMES);
  const { timeoutMs, deadline, signal } = options;
  if (timeoutMs !== undefined) checkNumber(action, "timeoutMs", timeoutMs, 0);
  if (signal !== undefined) checkSignal(action, "signal", signal);
  if (deadline !== undefined && !(deadline instanceof Deadline)) {
    throw wrongKind(action, "deadline", "a Deadline", deadline);
  }
}
