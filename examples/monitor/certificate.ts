/**
 * Looks at a server's certificate.
 *
 * By `node:tls`: Deno's own API checks certificates but does not show them, and an
 * expiry date is of use before the handshake fails.
 *
 * @module
 */

import { connect as connectTls } from "node:tls";
import { withTimeout } from "@sluice/net";
import { visibleText } from "../_safe_text.ts";
import { CheckFailed } from "./_outcome.ts";

const DAY_MS = 86_400_000;

/** Which authorities to trust, and for how long to wait. */
export interface CertificateOptions {
  /** Authorities to trust beside the usual ones, as PEM. */
  caCerts: readonly string[];
  /** Longest that it may take, in milliseconds. */
  timeoutMs: number;
  /** Cancels it. */
  signal?: AbortSignal;
}

/** What a client would think of a certificate. */
export interface CertificateReport {
  /** Days until it expires; negative when it has. */
  daysLeft: number;
  /** Why a client would not trust it; undefined if it would. */
  problem: string | undefined;
}

/**
 * Shakes hands with a TLS server, and hangs up.
 *
 * @throws {CheckFailed} There was no handshake.
 * @throws {TimeoutError} The time limit passed.
 */
export async function inspectCertificate(
  { hostname, port }: { hostname: string; port: number },
  { caCerts, timeoutMs, signal }: CertificateOptions,
): Promise<CertificateReport> {
  return await withTimeout(timeoutMs, (limit) => {
    const { promise, resolve, reject } = Promise.withResolvers<
      CertificateReport
    >();
    const socket = connectTls({
      host: hostname,
      port,
      // An address is no name: RFC 6066 forbids to send it as SNI.
      servername: /^[\d.]+$|:/.test(hostname) ? "" : hostname,
      ca: caCerts.length > 0 ? [...caCerts] : undefined,
      // A certificate that must not be trusted is still looked at.
      rejectUnauthorized: false,
    });
    const onAbort = () => socket.destroy(limit.reason);
    limit.addEventListener("abort", onAbort, { once: true });
    socket.once("secureConnect", () => {
      const { valid_from, valid_to } = socket.getPeerCertificate();
      resolve(judge(
        Date.parse(valid_from),
        Date.parse(valid_to),
        socket.authorizationError,
      ));
      socket.destroy();
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      reject(limit.aborted ? limit.reason : failureOf(error));
    });
    socket.once("close", () => {
      limit.removeEventListener("abort", onAbort);
      reject(new CheckFailed("hung up before the handshake was over"));
    });
    return promise;
  }, { signal });
}

/** The date first: Deno calls an expired certificate merely unverifiable. */
function judge(
  from: number,
  to: number,
  authorizationError: Error | string | null,
): CertificateReport {
  const daysLeft = (to - Date.now()) / DAY_MS;
  let problem: string | undefined;
  if (Number.isNaN(daysLeft)) problem = "certificate without a date";
  else if (daysLeft < 0) problem = `expired ${days(-daysLeft)} ago`;
  else if (from > Date.now()) {
    problem = `not valid for another ${days((from - Date.now()) / DAY_MS)}`;
  } else if (authorizationError) {
    problem = DISTRUST[String(authorizationError)] ?? "not trusted";
  }
  return { daysLeft, problem };
}

const DISTRUST: Record<string, string> = {
  ERR_TLS_CERT_ALTNAME_INVALID: "certificate for another name",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "signed by an authority that is not trusted",
};

const FAILURES: Record<string, string> = {
  ECONNREFUSED: "refused: nothing listens there",
  ECONNRESET: "reset the connection",
  ENOTFOUND: "the name has no address",
  EHOSTUNREACH: "unreachable",
  ENETUNREACH: "unreachable",
};

function failureOf({ code = "", message }: NodeJS.ErrnoException): CheckFailed {
  return new CheckFailed(
    FAILURES[code] ??
      `TLS: ${visibleText(message.replaceAll(/\s+/g, " "), 80)}`,
  );
}

function days(count: number): string {
  const whole = Math.ceil(count);
  return whole === 1 ? "a day" : `${whole} days`;
}
