/**
 * The CONNECT method of HTTP/1.1 (RFC 9110, 9.3.6), with Basic authentication.
 *
 * @module
 */

import { parseAddress } from "@sluice/net";
import type { Negotiate, Refusal } from "./request.ts";
import type { User, Users } from "./users.ts";

const MAX_HEAD_BYTES = 16 * 1024;
const STATUS: Record<Refusal, string> = {
  "not-allowed": "403 Forbidden",
  "too-many": "429 Too Many Requests",
  "not-found": "502 Bad Gateway",
  "unreachable": "502 Bad Gateway",
  "refused": "502 Bad Gateway",
  "failed": "502 Bad Gateway",
  "timeout": "504 Gateway Timeout",
};

/** Reads a CONNECT request. */
export const negotiateHttp: Negotiate = async (socket, users, limits) => {
  const head = new TextDecoder().decode(
    await socket.readUntil("\r\n\r\n", { ...limits, maxBytes: MAX_HEAD_BYTES }),
  );
  const [requestLine, ...headers] = head.trimEnd().split("\r\n");
  const [method, authority, version] = requestLine.split(" ");
  const answer = (status: string, header = "") =>
    socket.write(`HTTP/1.1 ${status}\r\n${header}\r\n`);
  // Whoever is refused may ask again, on another connection.
  const refuse = (status: string, header = "") =>
    answer(status, `${header}Content-Length: 0\r\nConnection: close\r\n`);
  if (!/^HTTP\/1\.[01]$/.test(version ?? "")) {
    await refuse("400 Bad Request");
    return undefined;
  }
  if (method !== "CONNECT") {
    await refuse("405 Method Not Allowed", "Allow: CONNECT\r\n");
    return undefined;
  }
  const user = users === undefined ? undefined : authenticate(headers, users);
  if (users !== undefined && user === undefined) {
    await refuse(
      "407 Proxy Authentication Required",
      'Proxy-Authenticate: Basic realm="sluice", charset="UTF-8"\r\n',
    );
    return undefined;
  }
  const target = parseTarget(authority);
  if (target === undefined) {
    await refuse("400 Bad Request");
    return undefined;
  }
  return {
    user,
    ...target,
    accept: () => answer("200 Connection established"),
    refuse: (why) => refuse(STATUS[why]),
  };
};

function authenticate(headers: string[], users: Users): User | undefined {
  const pattern = /^proxy-authorization: *basic +([\w+/]+=*) *$/i;
  for (const header of headers) {
    const [, encoded] = pattern.exec(header) ?? [];
    if (encoded === undefined) continue;
    try {
      const text = new TextDecoder().decode(Uint8Array.fromBase64(encoded));
      const colon = text.indexOf(":");
      if (colon >= 0) {
        return users.find(text.slice(0, colon), text.slice(colon + 1));
      }
    } catch {
      // It is no base64.
    }
  }
  return undefined;
}

function parseTarget(
  authority: string,
): { hostname: string; port: number } | undefined {
  try {
    const address = parseAddress(authority);
    if ("path" in address || "tls" in address) return undefined;
    return { hostname: address.hostname ?? "127.0.0.1", port: address.port };
  } catch {
    return undefined;
  }
}
