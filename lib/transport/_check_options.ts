/**
 * The arguments of `dial` and `bind`, checked before anything happens.
 *
 * @module
 */

import type {
  BindOptions,
  DialOptions,
  TcpBindOptions,
  TcpDialOptions,
  TlsBindOptions,
  TlsDialOptions,
} from "./options.ts";

function fail(
  action: string,
  name: string,
  need: string,
  value: unknown,
): never {
  const current = typeof value === "string" ? `"${value}"` : String(value);
  throw new TypeError(
    `Cannot ${action} as ${name} must be ${need}: current value is ${current}`,
  );
}

function checkBoolean(action: string, name: string, value: unknown): void {
  if (value !== undefined && typeof value !== "boolean") {
    fail(action, name, "a boolean", value);
  }
}

function checkHostAndPort(
  action: string,
  options: TcpDialOptions | TcpBindOptions,
  leastPort: number,
): void {
  const { hostname, port, noDelay, keepAlive } = options;
  if (
    hostname !== undefined && (typeof hostname !== "string" || hostname === "")
  ) {
    fail(action, "hostname", "a name or an address", hostname);
  }
  if (typeof port !== "number") fail(action, "port", "a number", port);
  if (!Number.isInteger(port) || port < leastPort || port > 65_535) {
    throw new RangeError(
      `Cannot ${action} as port must be an integer from ${leastPort} to 65535: ` +
        `current value is ${port}`,
    );
  }
  checkBoolean(action, "noDelay", noDelay);
  checkBoolean(action, "keepAlive", keepAlive);
}

function checkPath(action: string, path: unknown): void {
  if (typeof path !== "string" || path === "") {
    fail(action, "path", "a path", path);
  }
}

const isPem = (value: unknown, label: string): value is string =>
  typeof value === "string" && value.includes("-----BEGIN ") &&
  value.includes(label);

/** Never prints the value: it may be a private key. */
function checkPem(
  action: string,
  name: string,
  value: unknown,
  label: string,
): void {
  if (isPem(value, label)) return;
  const kind = typeof value === "string" ? "text without one" : typeof value;
  fail(action, name, `a ${label} in PEM form`, kind);
}

function checkProtocols(action: string, protocols: unknown): void {
  if (protocols === undefined) return;
  const good = Array.isArray(protocols) &&
    protocols.every((name) => typeof name === "string" && name !== "");
  if (!good) fail(action, "alpnProtocols", "an array of names", protocols);
}

function checkAuthorities(action: string, name: string, certs: unknown): void {
  if (certs === undefined) return;
  if (!Array.isArray(certs)) fail(action, name, "an array", certs);
  // Deno ignores what it cannot read, and the peer is then not trusted for reasons
  // that nobody can see.
  for (const cert of certs) checkPem(action, name, cert, "CERTIFICATE");
}

/** Throws unless these can be used to speak TLS as a client. */
export function checkTlsDialOptions(
  action: string,
  options: TlsDialOptions,
): void {
  const { caCerts, alpnProtocols, serverName, cert, key } = options;
  checkAuthorities(action, "caCerts", caCerts);
  checkProtocols(action, alpnProtocols);
  if (
    serverName !== undefined && (typeof serverName !== "string" || !serverName)
  ) {
    fail(action, "serverName", "a name or an address", serverName);
  }
  if (cert === undefined && key === undefined) return;
  checkPem(action, "cert", cert, "CERTIFICATE");
  checkPem(action, "key", key, "PRIVATE KEY");
  if (serverName !== undefined) {
    fail(
      action,
      "serverName",
      "absent beside a client certificate",
      serverName,
    );
  }
}

/** Throws unless these can be used to speak TLS as a server. */
export function checkTlsBindOptions(
  action: string,
  options: TlsBindOptions,
): void {
  checkPem(action, "cert", options.cert, "CERTIFICATE");
  checkPem(action, "key", options.key, "PRIVATE KEY");
  checkProtocols(action, options.alpnProtocols);
  checkBoolean(action, "dropSilent", options.dropSilent);
  checkAuthorities(action, "clientCaCerts", options.clientCaCerts);
  if (options.clientCaCerts?.length === 0) {
    fail(action, "clientCaCerts", "at least one certificate", "none");
  }
}

function checkIsObject(action: string, options: unknown): void {
  if (typeof options !== "object" || options === null) {
    fail(action, "options", "an object", options);
  }
}

function checkMethods(
  action: string,
  name: string,
  value: object | null | undefined,
  ...methods: string[]
): void {
  const found = Object(value) as Record<string, unknown>;
  if (methods.every((method) => typeof found[method] === "function")) return;
  fail(action, name, `an object with ${methods.join("() and ")}()`, value);
}

/** Throws unless there can be a connection to this. */
export function checkDialOptions(options: DialOptions): void {
  const action = "connect";
  checkIsObject(action, options);
  if ("dialer" in options) {
    return checkMethods(action, "dialer", options.dialer, "dial");
  }
  if ("path" in options) return checkPath(action, options.path);
  checkHostAndPort(action, options, 1);
  const { tls } = options;
  if (typeof tls === "object" && tls !== null) checkTlsDialOptions(action, tls);
  else checkBoolean(action, "tls", tls);
}

/** Throws unless this can be listened on. */
export function checkBindOptions(options: BindOptions): void {
  const action = "listen";
  checkIsObject(action, options);
  if ("acceptor" in options) {
    return checkMethods(
      action,
      "acceptor",
      options.acceptor,
      "accept",
      "close",
    );
  }
  if ("path" in options) {
    checkPath(action, options.path);
    const { mode } = options;
    if (mode === undefined) return;
    if (!Number.isInteger(mode) || mode < 0 || mode > 0o777) {
      throw new RangeError(
        "Cannot listen as mode must be an integer from 0o0 to 0o777: current value " +
          `is ${mode}`,
      );
    }
    return;
  }
  checkHostAndPort(action, options, 0);
  const { tls } = options;
  if (tls === undefined) return;
  if (typeof tls !== "object" || tls === null) {
    fail(action, "tls", "an object", tls);
  }
  checkTlsBindOptions(action, tls);
}
