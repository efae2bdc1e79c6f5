/**
 * The listening sockets that a process was started with, as systemd passes them (socket
 * activation, `sd_listen_fds(3)`).
 *
 * `LISTEN_FDS` says how many there are, beginning with descriptor 3, `LISTEN_FDNAMES` how
 * they are called, separated by colons, and `LISTEN_PID` for which process they are: a
 * child inherits these variables, and not the sockets.
 *
 * @module
 */

import { show } from "../_check.ts";
import { BrokenError, type BrokenReason, PermissionError } from "../errors.ts";

/** How many sockets there are, for which process, and what they are called. */
export const LISTEN_VARIABLES: readonly string[] = [
  "LISTEN_FDS",
  "LISTEN_PID",
  "LISTEN_FDNAMES",
];

const OPERATION = "listen";

/** The first descriptor behind standard input, output and errors. */
const FIRST = 3;

/** What systemd calls each of them where it passes no names. */
const UNNAMED = "unknown";

/** Refuses a descriptor. */
export function refuseDescriptor(
  fd: number | string,
  reason: BrokenReason,
  why: string,
  cause?: unknown,
): BrokenError {
  return new BrokenError(
    reason,
    `Cannot listen on descriptor ${show(fd)}: ${why}`,
    { operation: OPERATION, cause },
  );
}

/**
 * The descriptor with this name.
 *
 * @throws {BrokenError} None was passed to this process, none has this name (`not-found`),
 * or several have (`not-available`).
 * @throws {PermissionError} The variables may not be read.
 */
export function findDescriptor(name: string): number {
  const refuse = (reason: BrokenReason, why: string) =>
    refuseDescriptor(name, reason, why);
  checkEnvironment(name);
  const [fds, pid, names] = LISTEN_VARIABLES.map((each) => Deno.env.get(each));
  if (fds === undefined || pid === undefined) {
    const missing = fds === undefined ? "LISTEN_FDS" : "LISTEN_PID";
    throw refuse(
      "not-found",
      `no socket was passed to this process (${missing} is not set, as systemd does)`,
    );
  }
  const count = /^\d{1,6}$/.test(fds) ? Number(fds) : NaN;
  if (!(count > 0)) {
    const must = `LISTEN_FDS must be an integer of at least 1, got ${
      show(fds)
    }`;
    throw refuse("not-found", must);
  }
  if (pid !== String(Deno.pid)) {
    throw refuse(
      "not-available",
      `the sockets are for process ${show(pid)}, and this is ${Deno.pid} ` +
        "(a shell in between must end with exec)",
    );
  }
  return findAmong(namesOf(names, count), name, refuse);
}

function namesOf(names: string | undefined, count: number): string[] {
  const known = names === undefined || names === "" ? [] : names.split(":");
  return Array.from({ length: count }, (_, index) => known[index] ?? UNNAMED);
}

function findAmong(
  names: string[],
  name: string,
  refuse: (reason: BrokenReason, why: string) => BrokenError,
): number {
  const first = names.indexOf(name);
  if (first === -1) {
    const known = [...new Set(names)].map(show).join(", ");
    throw refuse("not-found", `no socket has this name (known are ${known})`);
  }
  const last = names.lastIndexOf(name);
  if (last !== first) {
    throw refuse(
      "not-available",
      `several sockets have this name, ${first + FIRST} and ${last + FIRST} ` +
        "among them (listen on each by its number)",
    );
  }
  return first + FIRST;
}

/** Asking first, as a denied call could stop and prompt the user. */
function checkEnvironment(name: string): void {
  const isGranted = LISTEN_VARIABLES.every((variable) =>
    Deno.permissions.querySync({ name: "env", variable }).state === "granted"
  );
  if (isGranted) return;
  const flag = `--allow-env=${LISTEN_VARIABLES.join()}`;
  throw new PermissionError(
    [flag],
    `Cannot listen on descriptor ${show(name)}: run again with ${flag}`,
    { operation: OPERATION },
  );
}
