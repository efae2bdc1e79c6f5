/**
 * What a client wants, whichever protocol it says it in.
 *
 * @module
 */

import type { Addr, CallOptions, Socket } from "@sluice/net";
import type { User, Users } from "./users.ts";

/** Why there is no tunnel. */
export type Refusal =
  /** Deno does not allow it. */
  | "not-allowed"
  /** It is on this machine, and not among what was allowed there. */
  | "own-address"
  | "too-many"
  | "not-found"
  | "unreachable"
  | "refused"
  | "timeout"
  | "failed";

/** A tunnel that a client asks for. */
export interface TunnelRequest {
  /** Its user; undefined where no client has to log in. */
  readonly user: User | undefined;
  readonly hostname: string;
  readonly port: number;
  /** Tells the client that the tunnel is there. */
  accept(localAddr: Addr): Promise<void>;
  /** Tells the client why there is none. */
  refuse(why: Refusal): Promise<void>;
}

/**
 * Reads what a client wants. Whatever follows stays in the socket.
 *
 * @returns The request; undefined if the client was told that it is none.
 */
export type Negotiate = (
  socket: Socket,
  users: Users | undefined,
  limits: CallOptions,
) => Promise<TunnelRequest | undefined>;
