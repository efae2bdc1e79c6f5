/**
 * The TLS handshake of a client that was just accepted.
 *
 * @module
 */

import { waitWithin } from "../time/call_limits.ts";
import { closeQuietly } from "../transport/close_quietly.ts";
import type { AcceptedTransport } from "../transport/options.ts";
import { translateError, whereOf } from "../transport/translate_error.ts";

/**
 * How long clients may take for TLS.
 *
 * @category Servers
 */
export interface HandshakeOptions {
  /**
   * Longest that a TLS handshake may take, in milliseconds, at least 1. It ends clients
   * that connect and stay silent.
   *
   * @default {10_000}
   */
  handshakeTimeoutMs?: number;
}

/**
 * Shakes hands within `timeoutMs`, and until `signal` aborts.
 *
 * @returns The protocol that was agreed on.
 * @throws Why it failed, which may be anything; the transport is then closed.
 */
export async function performHandshake(
  transport: AcceptedTransport,
  timeoutMs: number | undefined,
  signal: AbortSignal,
): Promise<string | null> {
  const { localAddr, remoteAddr } = transport;
  const operation = "handshake";
  try {
    const done = Promise.resolve(transport.handshake!());
    const limits = { timeoutMs: timeoutMs ?? 10_000, signal };
    await waitWithin(operation, done, limits, () => {
      const context = { operation, localAddr, remoteAddr };
      return { ...context, where: whereOf(context) };
    });
    const { alpnProtocol } = transport;
    // Anything else, of an acceptor of the user's, is no name.
    return typeof alpnProtocol === "string" ? alpnProtocol : null;
  } catch (error) {
    closeQuietly(transport);
    throw translateError(error, { operation, localAddr, remoteAddr });
  }
}
