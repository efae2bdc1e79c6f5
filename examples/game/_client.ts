/**
 * What the programs for people and for bots have in common.
 *
 * @module
 */

import { connect, type ConnectOptions, type ParsedAddress } from "@sluice/net";
import { ensurePermissions, permissionsFor } from "@sluice/net/permissions";
import { cleanText } from "../_safe_text.ts";
import { stop } from "../_command_line.ts";
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

/** A session that connects to an address, if Deno allows it. */
export async function openSession(
  address: ParsedAddress,
  options: Omit<SessionOptions, "dial">,
): Promise<Session> {
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

/** Waits for the end of a game; a refusal is one line and exit code 1. */
export async function orRefused(playing: Promise<void>): Promise<void> {
  try {
    await playing;
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    stop(`the server refuses: ${cleanText(error.message)}`);
  }
}
