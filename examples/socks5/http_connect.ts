/**
 * The CONNECT method of HTTP/1.1 (RFC 9110, 9.3.6), with Basic authentication.
 *
 * Read strictly: what this proxy and another reader of the same bytes could understand
 * in two ways is refused.
 *
 * @module
 */

import { parseAddress } from "@sluice/net";
import { parseRequestHead, type RequestHead } from "../_http.ts";
import { addressOf } from "../_pending_connections.ts";
import type { Negotiate, Refusal } from "./request.ts";

const MAX_HEAD_BYTES = 16 * 1024;
const STATUS: Record<Refusal, string> = {
  "not-allowed": "403 Forbidden",
  "own-address": "403 Forbidden",
  "too-many": "429 Too Many Requests",
  "not-found": "502 Bad Gateway",
  "unreachable": "502 Bad Gateway",
  "refused": "502 Bad Gateway",
  "failed": "502 Bad Gateway",
  "timeout": "504 Gateway Timeout",
};

const TUNNELS_ONLY = "This proxy carries tunnels only: use CONNECT " +
  "(curl --proxytunnel), or SOCKS 5 (curl --proxy socks5h://HOST:PORT).\n";

/** Reads a CONNECT request. */
export const negotiateHttp: Negotiate = async (socket, users, limits) => {
  const head = await socket.readUntil("\r\n\r\n", {
    ...limits,
    maxBytes: MAX_HEAD_BYTES,
  });
  const answer = (status: string, rest = "\r\n") =>
    socket.write(`HTTP/1.1 ${status}\r\n${rest}`);
  // A client that is refused may ask again, on another connection.
  const refuse = async (status: string, header = "", body = "") => {
    const type = body === "" ? "" : "Content-Type: text/plain\r\n";
    const about = `${type}Content-Length: ${body.length}\r\n`;
    await answer(status, `${header}${about}Connection: close\r\n\r\n${body}`);
    return undefined;
  };
  const request = parseRequestHead(head);
  if (request === undefined) return await refuse("400 Bad Request");
  if (request.method !== "CONNECT") {
    return await refuse(
      "405 Method Not Allowed",
      "Allow: CONNECT\r\n",
      TUNNELS_ONLY,
    );
  }
  if (hasBody(request)) return await refuse("400 Bad Request");
  const { headers, target: authority } = request;
  const credentials = parseBasic(headers.get("proxy-authorization"));
  const login = users === undefined
    ? undefined
    : credentials === undefined
    ? "wrong"
    : users.logIn(addressOf(socket), ...credentials);
  if (login === "too-many") {
    return await refuse(STATUS[login], "Retry-After: 60\r\n");
  }
  if (login === "wrong") {
    return await refuse(
      "407 Proxy Authentication Required",
      'Proxy-Authenticate: Basic realm="sluice", charset="UTF-8"\r\n',
    );
  }
  const target = parseTarget(authority);
  if (target === undefined) return await refuse("400 Bad Request");
  return {
    user: login,
    ...target,
    accept: () => answer("200 Connection established"),
    refuse: async (why) => void await refuse(STATUS[why]),
  };
};

/** The bytes behind the head of a CONNECT are the tunnel's, never a body. */
function hasBody({ headers }: RequestHead): boolean {
  return headers.has("transfer-encoding") ||
    (headers.get("content-length") ?? "0") !== "0";
}

/** The name and the password of Basic authentication. */
function parseBasic(value: string | undefined): [string, string] | undefined {
  const [, encoded] = /^basic +([\w+/]+=*)$/i.exec(value ?? "") ?? [];
  if (encoded === undefined) return undefined;
  try {
    const text = new TextDecoder().decode(Uint8Array.fromBase64(encoded));
    const colon = text.indexOf(":");
    return colon < 0
      ? undefined
      : [text.slice(0, colon), text.slice(colon + 1)];
  } catch {
    return undefined; // It is no base64.
  }
}

function parseTarget(
  authority: string,
): { hostname: string; port: number } | undefined {
  if (authority.includes("/")) return undefined; // tcp:// is ours, not HTTP's.
  try {
    const address = parseAddress(authority);
    if (!("port" in address) || "tls" in address) return undefined;
    return address.port === 0 ? undefined : address;
  } catch {
    return undefined;
  }
}
