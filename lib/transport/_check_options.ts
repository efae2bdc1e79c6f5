/**
 * The options of `dial`, `bind` and of TLS, checked before anything is touched.
 *
 * @module
 */

import {
  checkBoolean,
  checkFunction,
  checkInteger,
  checkMethods,
  checkNames,
  checkObject,
  checkOneOf,
  checkText,
  outOfRange,
  readOptions,
  show,
  wrongKind,
} from "../_check.ts";
import { isHostname } from "../addr.ts";
import { parseIp, withoutBrackets } from "../ip.ts";
import { certificateVersion, type PemLabel, readPem } from "./_pem.ts";
import { checkHostname, checkPath, isAbstract } from "./check_address.ts";
import {
  BIND_OPTION_NAMES,
  DIAL_OPTION_NAMES,
  TLS_BIND_OPTION_NAMES,
  TLS_DIAL_OPTION_NAMES,
} from "./option_names.ts";
import type {
  BindOptions,
  DescriptorBindOptions,
  DialOptions,
  NewCertificate,
  PeerCheckOptions,
  ServerCertificate,
  TlsBindOptions,
  TlsDialOptions,
} from "./options.ts";

/** The kind of address that options ask for. */
type Kind = "dialer" | "acceptor" | "listenFd" | "path" | "port";

/** What cannot be meant beside what: it would be silently ignored. */
const ABSENT_BESIDE: Record<Kind, readonly string[]> = {
  dialer: ["path", "noDelay", "keepAlive", "order", "hostDelayMs"],
  acceptor: [
    "path",
    "hostname",
    "port",
    "listenFd",
    "mode",
    "backlog",
    "reusePort",
    "noDelay",
    "keepAlive",
  ],
  listenFd: [
    "path",
    "hostname",
    "port",
    "transport",
    "mode",
    "backlog",
    "reusePort",
  ],
  path: [
    "hostname",
    "port",
    "backlog",
    "reusePort",
    "noDelay",
    "keepAlive",
    "order",
    "hostDelayMs",
  ],
  port: ["mode", "order", "hostDelayMs"],
};

function checkKind(action: string, options: object): Kind {
  const given = options as Record<string, unknown>;
  const kind = (["dialer", "acceptor", "listenFd", "path"] as const)
    .find((name) => given[name] !== undefined) ?? "port";
  for (const name of ABSENT_BESIDE[kind]) {
    if (given[name] !== undefined) {
      throw wrongKind(action, name, `absent beside ${kind}`, given[name]);
    }
  }
  return kind;
}

/** Checks what was given; all may be left out. */
export function optional(
  check: (action: string, name: string, value: unknown) => void,
  action: string,
  name: string,
  value: unknown,
): void {
  if (value !== undefined) check(action, name, value);
}

/** Throws unless a certificate can be for it. */
function checkServerName(action: string, name: string, value: unknown): void {
  const isName = typeof value === "string" &&
    (isHostname(value) || parseIp(withoutBrackets(value)) !== undefined);
  if (!isName) throw wrongKind(action, name, "a name or an address", value);
}

function checkTcp(
  action: string,
  options: object,
  leastPort: number,
): void {
  const { hostname, port, transport, noDelay, keepAlive } = options as Record<
    string,
    unknown
  >;
  optional(checkHostname, action, "hostname", hostname);
  checkInteger(action, "port", port, leastPort, 65_535);
  if (transport !== undefined) {
    checkOneOf(action, "transport", transport, ["tcp"]);
  }
  optional(checkBoolean, action, "noDelay", noDelay);
  optional(checkBoolean, action, "keepAlive", keepAlive);
}

function checkUnix(
  action: string,
  { path, transport }: { path?: unknown; transport?: unknown },
): void {
  checkPath(action, path);
  if (transport !== undefined) {
    checkOneOf(action, "transport", transport, ["unix"]);
  }
}

/** What certificates and keys are in, which a caller may have given in their place. */
const FILE_NAME = /^[^\n]{0,200}\.(pem|crt|cer|key)$/i;

/** Never shows text but the name of a file: other text may be a private key. */
function checkPem(
  action: string,
  name: string,
  value: unknown,
  label: PemLabel,
): void {
  const fail = (got: string): never => {
    throw new TypeError(
      `Cannot ${action}: ${name} must be a ${label} in PEM form, got ${got}`,
    );
  };
  if (typeof value !== "string") return fail(show(value));
  const blocks = readPem(value, label);
  if (blocks?.length === 0) {
    return fail(
      FILE_NAME.test(value)
        ? `${show(value)} (that is a name: read the file first)`
        : "text without one",
    );
  }
  const good = blocks?.every((der) =>
    label === "PRIVATE KEY" || certificateVersion(der) !== undefined
  );
  if (!good) fail("one that is damaged");
}

function checkAuthorities(action: string, name: string, certs: unknown): void {
  if (!Array.isArray(certs)) throw wrongKind(action, name, "an array", certs);
  for (const cert of certs) checkPem(action, name, cert, "CERTIFICATE");
}

/** The handshake has one byte for the length of each name, two for all of them. */
function checkProtocols(action: string, name: string, protocols: unknown) {
  const must = "an array of names of 1 to 255 bytes";
  if (!Array.isArray(protocols)) throw wrongKind(action, name, must, protocols);
  const encoder = new TextEncoder();
  let total = 0;
  for (const protocol of protocols) {
    if (typeof protocol !== "string") {
      throw wrongKind(action, name, must, protocol);
    }
    if (!protocol.isWellFormed()) {
      const must = "text without lone surrogates";
      throw outOfRange(action, name, must, protocol);
    }
    const { length } = encoder.encode(protocol);
    if (length < 1 || length > 255) {
      throw outOfRange(action, name, must, protocol);
    }
    total += 1 + length;
  }
  if (total > 65_535) {
    throw outOfRange(
      action,
      name,
      "at most 65535 bytes with their lengths",
      total,
    );
  }
}

function checkFingerprints(action: string, name: string, value: unknown) {
  const must = "SHA-256 as 64 hexadecimal digits, with or without colons";
  const all: unknown[] = Array.isArray(value) ? value : [value];
  if (all.length === 0) throw wrongKind(action, name, must, value);
  for (const each of all) {
    if (typeof each !== "string" || !/^[\da-f]{64}$/.test(plainHex(each))) {
      throw wrongKind(action, name, must, each);
    }
  }
}

/** A fingerprint as it is compared: lower case, no colons. */
export function plainHex(fingerprint: string): string {
  return fingerprint.replaceAll(":", "").toLowerCase();
}

function checkPeerCheck(action: string, options: PeerCheckOptions): void {
  const { verify, pinnedFingerprint256, allowTruncation } = options;
  optional(checkFunction, action, "verify", verify);
  optional(
    checkFingerprints,
    action,
    "pinnedFingerprint256",
    pinnedFingerprint256,
  );
  optional(checkBoolean, action, "allowTruncation", allowTruncation);
}

/**
 * What was read of an object and found good: one may serve every connection of a pool or a
 * server, and many authorities take milliseconds to look at.
 */
const goodForClients = new WeakMap<object, TlsDialOptions>();
/** The same for servers: what is good for a client may lack a certificate. */
const goodForServers = new WeakMap<object, TlsBindOptions>();

/** The options of TLS, with lists of their own: nothing that was checked changes any more. */
function readTlsOptions<T extends object>(
  options: T,
  names: ReadonlySet<string>,
): T {
  const read = readOptions(options, names) as Record<string, unknown>;
  for (const [name, value] of Object.entries(read)) {
    if (Array.isArray(value)) read[name] = [...value];
  }
  return read as T;
}

function isSame(a: unknown, b: unknown): boolean {
  return Array.isArray(a) && Array.isArray(b)
    ? a.length === b.length && a.every((item, i) => item === b[i])
    : a === b;
}

/** Whether `read` is what was found good before. */
function isGood<T extends object>(read: T, good: T | undefined): good is T {
  if (good === undefined) return false;
  const [now, then] = [Object.entries(read), Object.entries(good)];
  return now.length === then.length &&
    now.every(([name, value], i) =>
      name === then[i][0] && isSame(value, then[i][1])
    );
}

/**
 * Throws unless these can be used to speak TLS as a client. Gives them as they were
 * checked: those are to be used.
 *
 * @param name What the object is called in an error.
 * @param names The names that it may have.
 */
export function checkTlsDialOptions(
  action: string,
  options: TlsDialOptions,
  name = "tls",
  names: ReadonlySet<string> = TLS_DIAL_OPTION_NAMES,
): TlsDialOptions {
  checkNames(action, name, options, names);
  const read = readTlsOptions(options, TLS_DIAL_OPTION_NAMES);
  const good = goodForClients.get(options);
  if (isGood(read, good)) return good;
  const { caCerts, alpnProtocols, serverName, cert, key } = read;
  optional(checkAuthorities, action, "caCerts", caCerts);
  optional(checkProtocols, action, "alpnProtocols", alpnProtocols);
  optional(checkServerName, action, "serverName", serverName);
  checkPeerCheck(action, read);
  if (cert !== undefined || key !== undefined) {
    checkPem(action, "cert", cert, "CERTIFICATE");
    checkPem(action, "key", key, "PRIVATE KEY");
  }
  const { dangerouslySkipChainCheck, verify, pinnedFingerprint256 } = read;
  optional(
    checkBoolean,
    action,
    "dangerouslySkipChainCheck",
    dangerouslySkipChainCheck,
  );
  if (
    dangerouslySkipChainCheck && verify === undefined &&
    pinnedFingerprint256 === undefined
  ) {
    throw wrongKind(
      action,
      "dangerouslySkipChainCheck",
      "absent without pinnedFingerprint256 or verify: anyone could be the peer",
      true,
    );
  }
  goodForClients.set(options, read).set(read, read);
  return read;
}

/** Throws unless these can be used to speak TLS as a server. Gives them as they were checked. */
export function checkTlsBindOptions(
  action: string,
  options: TlsBindOptions,
  name = "tls",
  names: ReadonlySet<string> = TLS_BIND_OPTION_NAMES,
): TlsBindOptions {
  checkNames(action, name, options, names);
  const read = readTlsOptions(options, TLS_BIND_OPTION_NAMES);
  const good = goodForServers.get(options);
  if (isGood(read, good)) return good;
  const { cert, key, alpnProtocols, dropSilent, clientCaCerts } = read;
  const { resolveCertificate, renewable, clientCertificate } = read;
  optional(checkFunction, action, "resolveCertificate", resolveCertificate);
  if (resolveCertificate === undefined || cert !== undefined) {
    checkPem(action, "cert", cert, "CERTIFICATE");
  }
  if (cert !== undefined || key !== undefined) {
    checkPem(action, "cert", cert, "CERTIFICATE");
    checkPem(action, "key", key, "PRIVATE KEY");
  }
  optional(checkProtocols, action, "alpnProtocols", alpnProtocols);
  optional(checkBoolean, action, "renewable", renewable);
  optional(checkBoolean, action, "dropSilent", dropSilent);
  if (clientCertificate !== undefined) {
    const name = "clientCertificate";
    checkOneOf(action, name, clientCertificate, ["require", "request"]);
    if (clientCaCerts === undefined) {
      const must = "absent without clientCaCerts, which certificates are for";
      throw wrongKind(action, name, must, clientCertificate);
    }
  }
  checkClientAuthorities(action, clientCaCerts);
  checkPeerCheck(action, read);
  for (const check of ["verify", "pinnedFingerprint256"] as const) {
    if (read[check] !== undefined && clientCaCerts === undefined) {
      const must = "absent without clientCaCerts, which ask for certificates";
      throw wrongKind(action, check, must, read[check]);
    }
  }
  goodForServers.set(options, read).set(read, read);
  return read;
}

const NEW_CERTIFICATE_NAMES: ReadonlySet<string> = new Set(
  ["cert", "key", "clientCaCerts"] satisfies (keyof NewCertificate)[],
);

/** Throws unless it can take the place of a server's certificate. Gives what was checked. */
export function checkNewCertificate(
  certificate: NewCertificate,
): NewCertificate {
  const action = "set a certificate";
  checkNames(action, "the certificate", certificate, NEW_CERTIFICATE_NAMES);
  const read = readTlsOptions(certificate, NEW_CERTIFICATE_NAMES);
  checkServerCertificate(action, read);
  checkClientAuthorities(action, read.clientCaCerts);
  return read;
}

/** Throws unless it is a certificate and its key, or what may become them. */
export function checkServerCertificate(
  action: string,
  { cert, key }: Partial<ServerCertificate>,
): void {
  checkPem(action, "cert", cert, "CERTIFICATE");
  checkPem(action, "key", key, "PRIVATE KEY");
}

/** With none at all a client could not be told from any other. */
function checkClientAuthorities(action: string, certs: unknown): void {
  optional(checkAuthorities, action, "clientCaCerts", certs);
  if (Array.isArray(certs) && certs.length === 0) {
    throw wrongKind(action, "clientCaCerts", "at least one certificate", certs);
  }
}

/** Throws unless it can be the `tls` of a client. Gives it as it was checked. */
export function checkClientTls(
  action: string,
  tls: unknown,
): boolean | TlsDialOptions | undefined {
  if (typeof tls === "object" && tls !== null) {
    return checkTlsDialOptions(action, tls);
  }
  if (tls !== undefined && typeof tls !== "boolean") {
    throw wrongKind(action, "tls", "a boolean or an object", tls);
  }
  return tls;
}

/**
 * Throws unless there can be a connection to this. Gives the options as they were checked:
 * those are to be used.
 */
export function checkDialOptions(options: DialOptions): DialOptions {
  const action = "connect";
  checkObject(action, "options", options);
  const read = readOptions(options, DIAL_OPTION_NAMES);
  const kind = checkKind(action, read);
  if (kind === "dialer") {
    const { dialer, hostname, port } = read;
    checkMethods(action, "dialer", dialer, ["dial"]);
    optional(checkHostname, action, "hostname", hostname);
    if (port !== undefined) checkInteger(action, "port", port, 1, 65_535);
  } else if (kind === "path") checkUnix(action, read);
  else checkTcp(action, read, 1);
  read.tls = checkClientTls(action, read.tls);
  optional(checkObject, action, "proxyProtocol", read.proxyProtocol);
  return read;
}

/** Throws unless this can be listened on. Gives the options as they were checked. */
export function checkBindOptions(options: BindOptions): BindOptions {
  const action = "listen";
  checkObject(action, "options", options);
  const read = readOptions(options, BIND_OPTION_NAMES);
  const kind = checkKind(action, read);
  if (kind === "acceptor") {
    checkMethods(action, "acceptor", read.acceptor, ["accept", "close"]);
  } else if (kind === "path") {
    checkUnix(action, read);
    const { path, mode } = read;
    if (mode !== undefined) checkMode(action, path!, mode);
  } else if (kind === "listenFd") {
    checkDescriptor(action, read as DescriptorBindOptions);
  } else {
    checkTcp(action, read, 0);
    const { backlog, reusePort } = read;
    if (backlog !== undefined) {
      checkInteger(action, "backlog", backlog, 1, 65_535);
    }
    if (reusePort !== undefined) checkReusePort(action, reusePort);
  }
  if (read.tls !== undefined) {
    checkObject(action, "tls", read.tls);
    read.tls = checkTlsBindOptions(action, read.tls);
  }
  return read;
}

function checkReusePort(action: string, reusePort: unknown): void {
  checkBoolean(action, "reusePort", reusePort);
  if (reusePort && Deno.build.os !== "linux") {
    // Deno ignores it there, and the second process would find the port in use.
    throw wrongKind(action, "reusePort", "absent but on Linux", reusePort);
  }
}

function checkDescriptor(
  action: string,
  { listenFd, noDelay, keepAlive }: DescriptorBindOptions,
): void {
  if (Deno.build.os === "windows") {
    throw wrongKind(action, "listenFd", "absent on Windows", listenFd);
  }
  if (typeof listenFd === "string") checkText(action, "listenFd", listenFd);
  else if (typeof listenFd !== "number") {
    const must = "the number or the name of a descriptor";
    throw wrongKind(action, "listenFd", must, listenFd);
  } else checkInteger(action, "listenFd", listenFd, 0, 2 ** 31 - 1);
  optional(checkBoolean, action, "noDelay", noDelay);
  optional(checkBoolean, action, "keepAlive", keepAlive);
}

function checkMode(action: string, path: string, mode: unknown): void {
  if (isAbstract(path)) {
    const must = "absent beside an abstract path, which has no file";
    throw wrongKind(action, "mode", must, mode);
  }
  if (typeof mode !== "number") {
    throw wrongKind(action, "mode", "a number", mode);
  }
  if (!(Number.isInteger(mode) && mode >= 0 && mode <= 0o777)) {
    throw outOfRange(action, "mode", "an integer from 0o0 to 0o777", mode);
  }
}
