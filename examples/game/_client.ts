/**
 * What the programs for people and for bots have in common.
 *
 * @module
 */

import { connect, type ConnectOptions, type ParsedAddress } from "@sluice/net";
import {
  ensurePermissions,
  permissionsFor,
  permissionsForDatagrams,
} from "@sluice/net/permissions";
import { cleanText } from "../_safe_text.ts";
import { stop } from "../_command_line.ts";
import { connectGameDatagrams } from "./datagram_client.ts";
import { isPlayerName } from "./protocol.ts";
import { RefusedError, Session, type SessionOptions } from "./session.ts";

/** The name in `--name`; ends the program with exit code 2 if it is none. */
export function playerNameFlag(value: string): string {
  if (isPlayerName(value)) return value;
  stop(
    "Cannot run: --name must be 1 to 12 letters, digits, _ and -, " +
      `got ${JSON.stringify(value)}`,
    2,
  );
}

/**
 * A session that connects to an address, if Deno allows it.
 *
 * @param udp Whether to connect over UDP.
 */
export async function openSession(
  address: ParsedAddress,
  options: Omit<SessionOptions, "dial">,
  udp: boolean,
): Promise<Session> {
  if (udp) return await openUdpSession(address, options);
  await ensurePermissions(permissionsFor(address, { action: "connect" }));
  const target: ConnectOptions = {
    ...address,
    timeoutMs: 3_000,
    closeTimeoutMs: 500,
  };
  return new Session({
    ...options,
    dial: (signal) => connect({ ...target, signal }),
  });
}

async function openUdpSession(
  address: ParsedAddress,
  options: Omit<SessionOptions, "dial">,
): Promise<Session> {
  if ("path" in address || "tls" in address || address.port === 0) {
    stop("Cannot connect: --connect must be a host and a port for --udp", 2);
  }
  const { hostname, port } = address;
  await ensurePermissions(
    permissionsForDatagrams({ port: 0 }, { sendsTo: [{ hostname, port }] }),
  );
  return new Session({
    ...options,
    dial: (signal) => connectGameDatagrams({ hostname, port, signal }),
  });
}

/** Waits for the end of a game; a refusal is one line and exit code 1. */
export async function orRefused(playing: Promise<void>): Promise<void> {
  try {
    await playing;
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    stop(`the server refuses: ${cleanText(error.message)}`);
  }
}
