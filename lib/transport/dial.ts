/**
 * Making a connection: TCP, TLS or Unix, with one call and one way to cancel it.
 *
 * @module
 */

import { type Addr, formatAddress } from "../addr.ts";
import { checkTransport } from "../_check.ts";
import { BrokenError } from "../errors.ts";
import { parseIp, withoutBrackets } from "../ip.ts";
import type { ProxyHeaderInit } from "../proxy_header/header.ts";
import { addressOf, hostOf } from "./check_address.ts";
import { checkDialOptions } from "./_check_options.ts";
import { closeQuietly } from "./close_quietly.ts";
import type {
  DialContext,
  DialerOptions,
  DialOptions,
  TlsDialOptions,
  Transport,
} from "./options.ts";
import { orAbort } from "./_or_abort.ts";
import { dialTcp } from "./_tcp.ts";
import { translateError, whereOf } from "./translate_error.ts";
import { dialUnix } from "./_unix.ts";

export { checkDialOptions };

/** How far a dial has come: a time limit that passes names it in its error. */
export interface DialProgress {
  /** What is under way; absent while there is no connection yet. */
  stage?: "header" | "handshake" | undefined;
}

/** The details for a `TimeoutError` of a dial: where to, and which step did not end. */
export function describeDial(
  options: DialOptions,
  { stage }: DialProgress,
): { where?: string; remoteAddr?: Addr; waitedFor: string } {
  const remoteAddr = addressOf(options);
  const where = whereOf({ operation: "connect", remoteAddr });
  const waitedFor = stage === undefined
    ? noConnection(options)
    : stage === "header"
    ? "the PROXY header could not be sent"
    : "the TLS handshake did not end";
  return { where, remoteAddr, waitedFor };
}

function noConnection({ dialer, path, port, ...rest }: DialOptions): string {
  if (dialer !== undefined) {
    // Without a host of its own its address is what is connected to.
    const via = port === undefined || dialer.addr === undefined
      ? ""
      : ` through ${formatAddress(dialer.addr)}`;
    return `the dialer made no connection${via}`;
  }
  return path !== undefined || parseIp(hostOf(rest)) !== undefined
    ? "it does not answer"
    : "it does not answer, or its name server does not";
}

/**
 * Connects. For TLS the handshake is done when it resolves, and the transport is a
 * `TlsTransport`; for TCP it is the `Deno.TcpConn` itself.
 *
 * Cancellation: whenever `signal` aborts, the call rejects with its reason at once and
 * what was half made is closed, also where Deno cannot be told to stop. One thing is
 * beyond reach: in a TLS handshake Deno (2.9) keeps the descriptor until the server
 * says something or leaves.
 *
 * @param progress Is told what it waits for.
 * @throws {TypeError} An option is of the wrong type, or `hostname` cannot be a host, or
 * two options cannot hold together.
 * @throws {RangeError} `port` or `path` is out of range.
 * @throws {BrokenError} The connection could not be made; see `reason`.
 * @throws {TlsError} The handshake failed; see `reason`.
 * @throws {PermissionError} Deno denies it; see `flags`.
 */
export async function dial(
  options: DialOptions,
  { signal }: DialContext = {},
  progress: DialProgress = {},
): Promise<Transport> {
  const checked = checkDialOptions(options);
  signal?.throwIfAborted();
  try {
    return await open(checked, signal, progress);
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw translateError(error, {
      operation: "connect",
      remoteAddr: addressOf(checked),
    });
  }
}

function open(
  options: DialOptions,
  signal: AbortSignal | undefined,
  progress: DialProgress,
): Promise<Transport> {
  const { tls = false } = options;
  return tls === false
    ? openPlain(options, signal, progress)
    : openTls(options, tls === true ? {} : tls, signal, progress);
}

async function openTls(
  options: DialOptions,
  tls: TlsDialOptions,
  signal: AbortSignal | undefined,
  progress: DialProgress,
): Promise<Transport> {
  const isTcp = options.path === undefined && options.dialer === undefined;
  // Other clients do without the code.
  const client = await import("./_tls_client.ts");
  signal?.throwIfAborted();
  if (isTcp && options.proxyProtocol === undefined) {
    return await client.dialTls(options, tls, signal, progress);
  }
  client.checkClientMaterial("connect", tls, isTcp);
  const plain = await openPlain(options, signal, progress);
  progress.stage = "handshake";
  const { hostname = isTcp ? "127.0.0.1" : "localhost" } = options;
  const { serverName = hostname } = tls;
  return await client.startTlsClient(plain, { ...tls, serverName }, signal);
}

/** Connects in plain text. A PROXY header comes before all else, TLS included. */
async function openPlain(
  options: DialOptions,
  signal: AbortSignal | undefined,
  progress: DialProgress,
): Promise<Transport> {
  const { proxyProtocol } = options;
  // First: what cannot be said should not cost a connection.
  const header = proxyProtocol && await encodeHeader(proxyProtocol);
  const plain = await dialPlain(options, signal);
  if (header !== undefined) {
    progress.stage = "header";
    await sendHeader(plain, header, signal);
  }
  return plain;
}

function dialPlain(
  options: DialOptions,
  signal: AbortSignal | undefined,
): Promise<Transport> {
  if (options.dialer !== undefined) return askDialer(options, signal);
  return options.path === undefined
    ? dialTcp(options, signal)
    : dialUnix(options.path, signal);
}

async function encodeHeader(init: ProxyHeaderInit): Promise<Uint8Array> {
  // Other clients do without the code.
  const { encodeProxyHeader } = await import("../proxy_header/proxy_header.ts");
  return encodeProxyHeader(init);
}

async function sendHeader(
  transport: Transport,
  header: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    for (let sent = 0; sent < header.length;) {
      const write = transport.write(header.subarray(sent));
      const count = await orAbort(write, signal, () => {});
      // A dialer of the user's own may give a transport that does anything.
      if (!(count > 0 && sent + count <= header.length)) {
        const must = `from 1 to ${header.length - sent} bytes`;
        throw new BrokenError(
          "other",
          `Cannot send a PROXY header: the transport must write ${must}, got ${count}`,
          { operation: "connect" },
        );
      }
      sent += count;
    }
  } catch (error) {
    closeQuietly(transport);
    throw error;
  }
}

/** A dialer of the user's own may ignore the signal, and may give anything. */
async function askDialer(
  { dialer, hostname, port }: DialerOptions,
  signal: AbortSignal | undefined,
): Promise<Transport> {
  const target = {
    hostname: hostname === undefined ? undefined : withoutBrackets(hostname),
    port,
  };
  const made = await orAbort(
    Promise.try(() => dialer.dial(target, { signal })),
    signal,
    closeQuietly,
  );
  try {
    checkTransport("connect", "what the dialer makes", made);
  } catch (error) {
    closeQuietly(made);
    throw error;
  }
  return made;
}
