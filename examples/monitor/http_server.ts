/**
 * As much of a web server as a page of a few files needs: GET and HEAD, one request a
 * connection. On `serve`, for its limits: what has not asked for anything yet, what
 * one address may have, and how slowly an answer may be taken.
 *
 * @module
 */

import {
  FrameTooLargeError,
  serve,
  type Server,
  type Socket,
} from "@sluice/net";
import { parseRequestHead, type RequestHead } from "../_http.ts";
import { PendingConnections } from "../_pending_connections.ts";

const MAX_HEAD_BYTES = 16 * 1024;
/** Connections that have not asked yet; more than these, and the oldest one is cut. */
const MAX_PENDING = 20;

const REASONS: Record<number, string> = {
  200: "OK",
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

/** What a client asks for. */
export interface HttpRequest extends RequestHead {
  /** The target up to its question mark. */
  path: string;
  /** The host of the `Host` header, without its port. */
  host: string;
}

/** What it gets. */
export interface HttpResponse {
  status: number;
  headers: Record<string, string>;
  /** All of it, or what sends it; the connection ends when that resolves. */
  body: Uint8Array | ((socket: Socket) => Promise<void>);
}

/** Where to listen, and what for. */
export interface HttpOptions {
  hostname: string;
  port: number;
  /** Answers a GET. What it throws is a 500. */
  answer: (
    request: HttpRequest,
    socket: Socket,
  ) => HttpResponse | Promise<HttpResponse>;
  /** Called with what `answer` threw. */
  onError: (error: unknown) => void;
}

/** Serves GET and HEAD. */
export function serveHttp(
  { hostname, port, answer, onError }: HttpOptions,
): Server<Deno.NetAddr> {
  const pending = new PendingConnections({
    timeoutMs: 10_000,
    max: MAX_PENDING,
  });

  async function receive(socket: Socket): Promise<HttpResponse | HttpRequest> {
    using _ = pending.add(socket);
    try {
      const bytes = await socket.readUntil("\r\n\r\n", {
        maxBytes: MAX_HEAD_BYTES,
      });
      return parseRequest(bytes) ?? refuse(400, "that is no request");
    } catch (error) {
      if (!(error instanceof FrameTooLargeError)) throw error;
      return refuse(431, `a request has at most ${MAX_HEAD_BYTES} bytes`);
    }
  }

  async function handle(socket: Socket): Promise<void> {
    const request = await receive(socket);
    if ("status" in request) return await send(socket, request);
    const isHead = request.method === "HEAD";
    if (!isHead && request.method !== "GET") {
      const allow = { allow: "GET, HEAD" };
      const why = "only GET and HEAD are answered";
      return await send(socket, refuse(405, why, allow));
    }
    let response: HttpResponse;
    try {
      response = await answer(request, socket);
    } catch (error) {
      onError(error);
      response = refuse(500, "something went wrong here");
    }
    await send(socket, response, isHead);
  }

  return serve({
    hostname,
    port,
    maxConnections: 256,
    maxConnectionsPerAddress: 96,
    onLimit: "reject",
    writeMs: 30_000, // A page that takes nothing for so long has gone.
    highWaterMarkBytes: 16 * 1024,
    closeTimeoutMs: 1_000,
    shutdownTimeoutMs: 1_000,
    onError: () => {}, // What clients do is not worth a line on the screen.
  }, handle);
}

/** An answer that says in a line why there is none. */
export function refuse(
  status: number,
  why: string,
  headers: Record<string, string> = {},
): HttpResponse {
  return {
    status,
    headers: { "content-type": "text/plain; charset=utf-8", ...headers },
    body: new TextEncoder().encode(`${why}\n`),
  };
}

async function send(
  socket: Socket,
  { status, headers, body }: HttpResponse,
  isHead = false,
): Promise<void> {
  const all = {
    date: new Date().toUTCString(),
    connection: "close",
    "x-content-type-options": "nosniff",
    ...headers,
    ...body instanceof Uint8Array && { "content-length": String(body.length) },
  };
  const lines = Object.entries(all).map(([name, value]) =>
    `${name}: ${value}\r\n`
  );
  await socket.write(
    `HTTP/1.1 ${status} ${REASONS[status]}\r\n${lines.join("")}\r\n`,
  );
  if (isHead) return;
  if (body instanceof Uint8Array) await socket.write(body);
  else await body(socket);
}

/** A whole request; undefined if it is none, or says no host. */
function parseRequest(bytes: Uint8Array): HttpRequest | undefined {
  const head = parseRequestHead(bytes);
  const [, host] = /^([\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i
    .exec(head?.headers.get("host") ?? "") ?? [];
  if (head === undefined || host === undefined) return undefined;
  if (!head.target.startsWith("/")) return undefined;
  return {
    ...head,
    path: head.target.split("?", 1)[0],
    host: host.toLowerCase(),
  };
}
