/**
 * Connections through a proxy: SOCKS 5 and HTTP CONNECT.
 *
 * It guarantees that every answer of a proxy, however long, slow or senseless, ends in a
 * connection or in one typed error within a limit; that no byte of the server is lost or
 * taken for the proxy's; and that the user name and the password are in no error. It
 * refuses to look up names: that is the proxy's work, and what this machine looks up, its
 * network learns.
 *
 * @module
 */

import {
  checkAboveZero,
  checkNames,
  checkObject,
  outOfRange,
  show,
  wrongKind,
} from "../_check.ts";
import { type Addr, formatAddress, isHostname } from "../addr.ts";
import { BrokenError } from "../errors.ts";
import { parseIp, withoutBrackets } from "../ip.ts";
import { watchCall } from "../time/call_limits.ts";
import { closeQuietly } from "../transport/close_quietly.ts";
import { checkDialOptions, dial } from "../transport/dial.ts";
import type {
  DialContext,
  Dialer,
  DialTarget,
  TcpDialOptions,
  TlsDialOptions,
  Transport,
} from "../transport/options.ts";
import { translateError } from "../transport/translate_error.ts";
import { askHttp } from "./_http_connect.ts";
import {
  type Credentials,
  ProxyConnection,
  type ProxyRequest,
} from "./_proxy_handshake.ts";
import { askSocks5, MAX_CREDENTIAL_BYTES } from "./_socks5.ts";

/**
 * How a proxy is spoken to.
 *
 * @category Clients
 *
 * @example
 * ```ts
 * import { viaProxy, type ViaProxyOptions } from "@sluice/net/client";
 * import { assertEquals } from "@std/assert";
 *
 * const options: ViaProxyOptions = { timeoutMs: 5_000, tls: { serverName: "proxy.example" } };
 * const dialer = viaProxy("https://user:password@127.0.0.1:3129", options);
 * assertEquals(dialer.addr, { transport: "tcp", hostname: "127.0.0.1", port: 3129 });
 * ```
 */
export interface ViaProxyOptions {
  /**
   * Longest that connecting to the proxy and its answer may take, in milliseconds, above 0.
   * The limits of `connect` hold beside it.
   *
   * @default {30_000}
   */
  timeoutMs?: number | undefined;
  /**
   * How to speak TLS to a proxy whose URL begins with `https://`; no other takes it. The
   * server behind the proxy has the `tls` of `connect`.
   */
  tls?: TlsDialOptions | undefined;
}

const ACTION = "make a proxy dialer";
const OPTION_NAMES: ReadonlySet<string> = new Set(
  ["timeoutMs", "tls"] satisfies (keyof ViaProxyOptions)[],
);

/** A kind of proxy. */
interface Protocol {
  readonly port: number;
  readonly tls: boolean;
  readonly ask: (
    proxy: ProxyConnection,
    request: ProxyRequest,
  ) => Promise<void>;
}

const PROTOCOLS: Record<string, Protocol> = {
  "socks5:": { port: 1080, tls: false, ask: askSocks5 },
  // As curl calls it: the proxy looks up names. It always does here.
  "socks5h:": { port: 1080, tls: false, ask: askSocks5 },
  "http:": { port: 80, tls: false, ask: askHttp },
  "https:": { port: 443, tls: true, ask: askHttp },
};

/**
 * Makes a dialer that connects through a proxy: for the option `dialer` of `connect`,
 * which then takes the `hostname` and `port` of the server.
 *
 * - `socks5://user:password@host:port` speaks SOCKS 5, with and without a user;
 *   `socks5h://` is the same. The port is 1080 by default.
 * - `http://user:password@host:port` speaks HTTP CONNECT; its port is 80 by default.
 * - `https://…` is the same over TLS; its port is 443 by default.
 *
 * What is no letter and no digit in a user name or password is best percent-encoded, as
 * `encodeURIComponent` does. Names of servers go to the proxy, which looks them up. With
 * `tls` in `connect` the connection through the proxy is encrypted up to the server. The
 * `remoteAddr` of the socket is the proxy's. It takes the permission to reach the proxy
 * alone: `permissionsFor({ dialer })`.
 *
 * Cancellation: the signal of `connect` ends it in whatever phase, and closes the connection.
 *
 * @param proxy Where the proxy is, what it speaks, and who asks.
 * @param options How long it may take, and how to speak TLS to it.
 * @returns A dialer. Its calls reject with `ProxyError` where the proxy refuses or makes no
 * sense; with `BrokenError` where the proxy cannot be reached, or where the proxy says that
 * the server cannot; with `TimeoutError` after `timeoutMs`; with `TlsError` where TLS to
 * the proxy fails; with `TypeError` where `hostname` or `port` is none.
 * @throws {TypeError} `proxy` is no such URL, or an option is of the wrong type or not known.
 * @throws {RangeError} A part of the URL, or an option, is out of range.
 * @category Clients
 *
 * @example
 * ```ts ignore
 * import { connect } from "@sluice/net";
 * import { viaProxy } from "@sluice/net/client";
 *
 * const dialer = viaProxy("socks5://user:password@127.0.0.1:1080");
 * const socket = await connect({ hostname: "example.com", port: 443, tls: true, dialer });
 * ```
 *
 * @example What a proxy is asked
 * ```ts
 * import { connect, serve } from "@sluice/net";
 * import { viaProxy } from "@sluice/net/client";
 * import { assertEquals } from "@std/assert";
 *
 * await using proxy = serve({ port: 0 }, async (socket) => {
 *   assertEquals(await socket.readLine(), "CONNECT example.com:80 HTTP/1.1");
 *   while (await socket.readLine() !== "");
 *   // A real one would relay it to the server.
 *   await socket.write("HTTP/1.1 200 OK\r\n\r\nwelcome\n");
 * });
 * const dialer = viaProxy(`http://127.0.0.1:${proxy.addr.port}`);
 * await using socket = await connect({ hostname: "example.com", port: 80, dialer });
 * assertEquals(await socket.readLine(), "welcome");
 * ```
 */
export function viaProxy(
  proxy: string | URL,
  options: ViaProxyOptions = {},
): Dialer {
  checkNames(ACTION, "options", options, OPTION_NAMES);
  const { timeoutMs = 30_000, tls } = options;
  checkAboveZero(ACTION, "timeoutMs", timeoutMs);
  const { protocol, hostname, port, user } = parseProxy(proxy);
  if (tls !== undefined && !protocol.tls) {
    throw new TypeError(
      `Cannot ${ACTION}: tls must be absent but for https://, got an object`,
    );
  }
  // With `false` the user name and the password would go out in the clear.
  if (tls !== undefined) checkObject(ACTION, "tls", tls);
  const target: TcpDialOptions = protocol.tls
    ? { hostname, port, tls: tls ?? true }
    : { hostname, port };
  checkDialOptions(target);
  return new ProxyDialer(target, protocol.ask, user, timeoutMs);
}

/** What a call of `dial` is doing, for its errors. */
interface Attempt {
  readonly where: string;
  readonly remoteAddr: Addr;
  waitedFor: string;
}

class ProxyDialer implements Dialer {
  readonly addr: Addr;
  readonly #proxy: TcpDialOptions;
  readonly #ask: Protocol["ask"];
  /** Private: an inspected dialer does not show it. */
  readonly #user: Credentials | undefined;
  readonly #timeoutMs: number;

  constructor(
    proxy: TcpDialOptions & { hostname?: string },
    ask: Protocol["ask"],
    user: Credentials | undefined,
    timeoutMs: number,
  ) {
    const { hostname, port } = proxy;
    this.addr = { transport: "tcp", hostname: hostname!, port };
    this.#proxy = proxy;
    this.#ask = ask;
    this.#user = user;
    this.#timeoutMs = timeoutMs;
  }

  async dial(
    target: DialTarget,
    { signal }: DialContext = {},
  ): Promise<Transport> {
    const request = { ...checkTarget(target), user: this.#user };
    const { hostname, port } = request;
    const attempt: Attempt = {
      where: `to ${formatAddress(request)} through the proxy ${
        formatAddress(this.addr)
      }`,
      remoteAddr: { transport: "tcp", hostname, port },
      waitedFor: "there is no connection to the proxy",
    };
    const controller = new AbortController();
    const limits = { signal, timeoutMs: this.#timeoutMs };
    const unwatch = watchCall(
      "connect",
      limits,
      (reason) => controller.abort(reason),
      () => attempt,
    );
    try {
      return await this.#connect(request, attempt, controller.signal);
    } finally {
      unwatch();
    }
  }

  async #connect(
    request: ProxyRequest,
    attempt: Attempt,
    signal: AbortSignal,
  ): Promise<Transport> {
    const { where, remoteAddr } = attempt;
    const start = `Cannot connect ${where}`;
    const context = { operation: "connect", remoteAddr };
    signal.throwIfAborted();
    const transport = await dial(this.#proxy, { signal })
      .catch((error) => {
        throw signal.aborted ? signal.reason : withStart(error, start, context);
      });
    attempt.waitedFor = "the proxy did not answer";
    // A silent proxy leaves a read pending for ever: closing ends it.
    const onAbort = (): void => closeQuietly(transport);
    signal.addEventListener("abort", onAbort);
    try {
      await this.#ask(new ProxyConnection(transport, start, context), request);
      signal.throwIfAborted();
      return transport;
    } catch (error) {
      closeQuietly(transport);
      if (signal.aborted) throw signal.reason;
      throw withStart(translateError(error, context), start, context);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }
}

/** An error of the connection to the proxy says that it is about the proxy. */
function withStart(
  error: unknown,
  start: string,
  context: { operation: string; remoteAddr: Addr },
): unknown {
  if (!(error instanceof BrokenError) || error.message.startsWith(start)) {
    return error;
  }
  const why = error.message.replace(/^Cannot connect to \S+: /, "");
  const text = `${start}: the proxy: ${why}`;
  const { reason, cause } = error;
  return new BrokenError(reason, text, { ...context, cause });
}

/** Throws unless a proxy can be asked for it, and nothing can be added to the question. */
function checkTarget(
  { hostname, port }: DialTarget,
): { hostname: string; port: number } {
  const fail = (name: string, must: string, got: unknown): never => {
    throw wrongKind("connect through a proxy", name, must, got);
  };
  if (hostname === undefined) fail("hostname", "given", hostname);
  const host = withoutBrackets(hostname!);
  const isHost = isHostname(host) || parseIp(host) !== undefined;
  if (!isHost) fail("hostname", "a name or an address", hostname);
  if (host.includes("%")) fail("hostname", "without a zone", hostname);
  if (port === undefined) fail("port", "given", port);
  return { hostname: host, port: port! };
}

/** Where a proxy is, and who asks. No error has a part of the URL: it has a password. */
function parseProxy(proxy: unknown): {
  protocol: Protocol;
  hostname: string;
  port: number;
  user: Credentials | undefined;
} {
  const must = `proxy must be a URL such as "socks5://127.0.0.1:1080"`;
  const bad = (why: string) =>
    new TypeError(`Cannot ${ACTION}: ${must}, ${why}`);
  if (typeof proxy !== "string" && !(proxy instanceof URL)) {
    throw bad(`got ${show(proxy)}`);
  }
  const url = URL.parse(`${proxy}`);
  if (url === null) throw bad("got text that is none");
  const protocol = Object.hasOwn(PROTOCOLS, url.protocol)
    ? PROTOCOLS[url.protocol]
    : undefined;
  if (protocol === undefined) {
    throw bad("got one that begins with none of socks5://, http://, https://");
  }
  const hostname = withoutBrackets(url.hostname);
  if (!isHostname(hostname) && parseIp(hostname) === undefined) {
    throw bad("got one whose host is neither a name nor an address");
  }
  if (/[^/]/.test(url.pathname) || url.search !== "" || url.hash !== "") {
    throw bad("got one that goes on after the port");
  }
  const port = url.port === "" ? protocol.port : Number(url.port);
  if (port === 0) throw outOfRange(ACTION, "the port", "from 1 to 65535", port);
  return { protocol, hostname, port, user: credentialsOf(url, bad) };
}

function credentialsOf(
  { protocol, username, password }: URL,
  bad: (why: string) => TypeError,
): Credentials | undefined {
  if (username === "" && password === "") return undefined;
  const isSocks = protocol.startsWith("socks5");
  const [name, secret] = [username, password].map((text) => {
    let decoded: string;
    try {
      decoded = decodeURIComponent(text);
    } catch {
      throw bad("got one whose user name or password is not percent-encoded");
    }
    const { length } = new TextEncoder().encode(decoded);
    // RFC 1929 has one byte for each length, and neither may be empty.
    if (isSocks && (length < 1 || length > MAX_CREDENTIAL_BYTES)) {
      throw new RangeError(
        `Cannot ${ACTION}: user name and password must be from 1 to ` +
          `${MAX_CREDENTIAL_BYTES} bytes long, got ${length}`,
      );
    }
    return decoded;
  });
  // RFC 7617, 2: the colon ends the name, and control characters are in neither.
  if (!isSocks && name.includes(":")) {
    throw bad("got one whose user name has a colon");
  }
  // deno-lint-ignore no-control-regex
  if (!isSocks && /[\0-\x1f\x7f]/.test(name + secret)) {
    throw bad("got one whose user name or password has a control character");
  }
  return { name, password: secret };
}
