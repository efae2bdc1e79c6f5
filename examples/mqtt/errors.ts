/**
 * Errors of the client's own: what a broker says no to, and what its caller does wrong.
 *
 * @module
 */

import { ClosedError } from "@sluice/net";

/** Why a broker does not let a client in, by the code of its CONNACK. */
const REASONS: readonly string[] = [
  "",
  "it does not speak MQTT 3.1.1",
  "it does not take this client id",
  "it is not available",
  "the user name or the password is wrong",
  "the client is not authorized",
];

/** The broker refuses the client, or what it asks for. */
export class RefusedError extends Error {
  static {
    this.prototype.name = "RefusedError";
  }
  /** The code of the broker's answer. */
  readonly code: number;

  constructor(message: string, code: number) {
    super(message);
    this.code = code;
  }

  /** Whether the same may be granted later. */
  get isTemporary(): boolean {
    return this.code === UNAVAILABLE;
  }
}

const UNAVAILABLE = 3;

/** Of a CONNACK. */
export function connectionRefused(code: number): RefusedError {
  const reason = REASONS[code] ?? `for a reason of its own (code ${code})`;
  return new RefusedError(
    `Cannot connect to the broker: it refuses the client: ${reason}`,
    code,
  );
}

/** Of a SUBACK. */
export function subscriptionRefused(
  filter: string,
  code: number,
): RefusedError {
  return new RefusedError(
    `Cannot subscribe to ${
      JSON.stringify(filter.slice(0, 100))
    }: the broker refuses it (the client may not be allowed to read it)`,
    code,
  );
}

/** A call of a client that was closed. */
export function closedError(action: string): ClosedError {
  return new ClosedError(`Cannot ${action}: the client was closed`);
}

/** An argument that is no good. */
export function outOfRange(
  action: string,
  name: string,
  must: string,
  value: unknown,
): RangeError {
  const shown = typeof value === "string"
    ? JSON.stringify(value.slice(0, 60))
    : String(value);
  return new RangeError(
    `Cannot ${action}: ${name} must be ${must}, got ${shown}`,
  );
}
