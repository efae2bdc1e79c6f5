/**
 * From a request to a tunnel, and its bytes both ways.
 *
 * @module
 */

import {
  BrokenError,
  connect,
  PermissionError,
  relay,
  type Socket,
  TimeoutError,
  withTimeout,
} from "@sluice/net";
import { permissionsFor } from "@sluice/net/permissions";
import { isOwnConnection, isOwnHost } from "./own_addresses.ts";
import type { Refusal, TunnelRequest } from "./request.ts";
import { User } from "./users.ts";

const CONNECT_TIMEOUT_MS = 10_000;
/** Where no client has to log in, all are this one. */
const ANONYMOUS = new User({ name: "anonymous" });

/** What a tunnel came to. */
export interface TunnelReport {
  user: string;
  /** Why there was none; undefined if there was. */
  refusal: Refusal | undefined;
  /** Bytes from the client, and to it. */
  bytesOut: number;
  bytesIn: number;
  /** What broke off its tunnel, or its answer; it is reported all the same. */
  error?: unknown;
}

/** What tunnels may do. */
export interface TunnelOptions {
  /** Ports of this machine that they may go to. */
  localPorts: ReadonlySet<number>;
  /** Longest that nothing moves, in milliseconds. */
  idleMs: number;
  /** Longest that an end takes nothing of what is sent to it, in milliseconds. */
  writeMs: number;
  /** Cancels connecting. */
  signal: AbortSignal;
}

/** Connects to where the client wants to go, and carries bytes until both have ended. */
export async function openTunnel(
  client: Socket,
  request: TunnelRequest,
  options: TunnelOptions,
): Promise<TunnelReport> {
  const { user = ANONYMOUS, hostname, port } = request;
  const refuse = async (refusal: Refusal): Promise<TunnelReport> => {
    const error = await errorOf(request.refuse(refusal));
    return { user: user.name, refusal, bytesOut: 0, bytesIn: 0, error };
  };
  using place = user.enter();
  if (place === undefined) return await refuse("too-many");
  if (!isAllowed(hostname, port)) return await refuse("not-allowed");
  const mayBeLocal = options.localPorts.has(port);
  let target: Socket | undefined;
  try {
    // A name server may take its time, too.
    const isOwn = !mayBeLocal && await withTimeout(
      CONNECT_TIMEOUT_MS,
      () => isOwnHost(hostname),
      { signal: options.signal },
    );
    target = isOwn ? undefined : await connect({
      hostname,
      port,
      timeoutMs: CONNECT_TIMEOUT_MS,
      idleMs: options.idleMs,
      writeMs: options.writeMs,
      signal: options.signal,
    });
  } catch (error) {
    return await refuse(refusalOf(error));
  }
  using _ = target; // Whatever happens, it is closed.
  // A name may stand for another address than a moment ago.
  if (target === undefined || !mayBeLocal && isOwnConnection(target)) {
    return await refuse("own-address");
  }
  const report = { user: user.name, refusal: undefined };
  const error = await errorOf(request.accept(target.localAddr));
  if (error !== undefined) return { ...report, bytesOut: 0, bytesIn: 0, error };
  const { bytesAToB, bytesBToA, ...end } = await relay(client, target, {
    idleMs: options.idleMs,
    beforeWrite: (bytes) => user.spend(bytes, target.signal),
  });
  return {
    ...report,
    bytesOut: bytesAToB,
    bytesIn: bytesBToA,
    error: end.error,
  };
}

function errorOf(answered: Promise<void>): Promise<unknown> {
  return answered.then(() => undefined, (error) => error);
}

/**
 * Whether Deno allows the connection. On a terminal it would ask about one that was
 * not decided on when the program was started, and stop everything for the answer.
 */
function isAllowed(hostname: string, port: number): boolean {
  return permissionsFor({ hostname, port }, { action: "connect" }).descriptors
    .every((each) => Deno.permissions.querySync(each).state === "granted");
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof PermissionError) return "not-allowed";
  if (error instanceof TimeoutError) return "timeout";
  if (error instanceof BrokenError) {
    const { reason } = error;
    if (reason === "refused" || reason === "unreachable") return reason;
    if (reason === "dns") return "not-found";
  }
  // A name or a port that cannot be is no fault of ours.
  if (error instanceof TypeError || error instanceof RangeError) {
    return "not-found";
  }
  return "failed";
}
