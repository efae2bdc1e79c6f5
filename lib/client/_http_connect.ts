/**
 * The client of an HTTP proxy that makes tunnels: the method CONNECT (RFC 9110, 9.3.6), with
 * user name and password (RFC 7617).
 *
 * @module
 */

import { formatAddress } from "../addr.ts";
import type {
  Credentials,
  ProxyConnection,
  ProxyRequest,
} from "./_proxy_handshake.ts";

/** Most bytes of an answer: its status and its headers. */
const MAX_ANSWER_BYTES = 16 * 1024;

/** What an answer begins with, and ends with. */
const BEGINNING = "HTTP/1.";
const END = [0x0d, 0x0a, 0x0d, 0x0a];

const STATUS_LINE = /^HTTP\/1\.[01] ([1-5]\d\d)(?: [^\r\n\0]*)?$/;
const HEADER_LINE = /^[!#$%&'*+.^_`|~\w-]+:[^\r\n\0]*$/;

/** The server does not answer the proxy, or it is overloaded: that may pass. */
const UNREACHABLE: ReadonlySet<number> = new Set([500, 502, 503, 504]);
const UNSUPPORTED: ReadonlySet<number> = new Set([405, 501, 505]);
/** Of a proxy 407 is right, and 401 is what tinyproxy says. */
const AUTHENTICATION: ReadonlySet<number> = new Set([401, 407]);

/** Asks for a connection. What follows is the server's. */
export async function askHttp(
  proxy: ProxyConnection,
  { hostname, port, user }: ProxyRequest,
): Promise<void> {
  const target = formatAddress({ hostname, port });
  const lines = [`CONNECT ${target} HTTP/1.1`, `Host: ${target}`];
  if (user !== undefined) {
    lines.push(`Proxy-Authorization: Basic ${encodeBasic(user)}`);
  }
  await proxy.write(new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n`));
  let bytes = 0;
  for (;;) {
    const answer = await readAnswer(proxy, MAX_ANSWER_BYTES - bytes);
    bytes += answer.length;
    const status = statusOf(proxy, answer);
    // This answer has no body, whatever its headers say (RFC 9110, 9.3.6).
    if (status >= 200 && status < 300) return;
    // "Please wait" comes before the answer.
    if (status >= 200 || status === 101) throw errorOf(proxy, status, user);
  }
}

function encodeBasic({ name, password }: Credentials): string {
  const bytes = new TextEncoder().encode(`${name}:${password}`);
  return btoa(String.fromCharCode(...bytes));
}

/**
 * Reads an answer up to the empty line that ends it, and no byte more: of the four bytes
 * of its end, so many as have not been seen are still to come.
 */
async function readAnswer(
  proxy: ProxyConnection,
  maxBytes: number,
): Promise<string> {
  const bytes = new Uint8Array(maxBytes);
  let length = 0;
  let seen = 0;
  while (seen < END.length) {
    // The first byte alone: another protocol may say no more than two.
    const next = length === 0 ? 1 : length + END.length - seen;
    if (next > maxBytes) {
      throw proxy.error(
        "too-large",
        `its answer is longer than ${MAX_ANSWER_BYTES} bytes`,
      );
    }
    // What is wrong with half an answer is seen before the other half, which may not come.
    const end = length + await proxy.readInto(bytes.subarray(length, next));
    for (; length < end; length++) {
      const byte = bytes[length];
      const expected = BEGINNING.charCodeAt(length);
      if (length < BEGINNING.length && byte !== expected) throw notHttp(proxy);
      if (byte === END[seen]) seen++;
      // To a parser that takes a bare line feed for a line ending the answer may have ended
      // here.
      else if (byte === END[1]) throw notHttp(proxy);
      else seen = byte === END[0] ? 1 : 0;
    }
  }
  return String.fromCharCode(...bytes.subarray(0, length));
}

function statusOf(proxy: ProxyConnection, answer: string): number {
  const [first, ...headers] = answer.slice(0, -END.length).split("\r\n");
  const status = STATUS_LINE.exec(first)?.[1];
  if (
    status === undefined || !headers.every((line) => HEADER_LINE.test(line))
  ) throw notHttp(proxy);
  return Number(status);
}

function errorOf(
  proxy: ProxyConnection,
  status: number,
  user: Credentials | undefined,
): Error {
  const answered = `(HTTP status ${status})`;
  if (UNREACHABLE.has(status)) {
    return proxy.broken("unreachable", `the proxy cannot reach it ${answered}`);
  }
  if (UNSUPPORTED.has(status)) {
    const why = `it makes no such connections ${answered}`;
    return proxy.error("unsupported", why, status);
  }
  if (!AUTHENTICATION.has(status)) {
    return proxy.error("refused", `it refuses ${answered}`, status);
  }
  const why = user === undefined
    ? "it asks for a user name and a password"
    : "it refuses the user name or the password";
  return proxy.error("authentication", `${why} ${answered}`, status);
}

function notHttp(proxy: ProxyConnection): Error {
  return proxy.error("malformed", "what it answers is not HTTP/1.1");
}
