/**
 * The PROXY headers of a server: from which peers they are believed, and how they are read.
 *
 * Whether there is a header is decided by the peer's address alone, before a byte is read:
 * a trusted proxy must send one, and for any other peer none is looked for. Guessing by the
 * first bytes would let every client choose its own address.
 *
 * @module
 */

import {
  checkAboveZero,
  checkNames,
  checkOneOf,
  wrongKind,
} from "../_check.ts";
import type { Addr } from "../addr.ts";
import { IpRanges } from "../ip.ts";
import { checkProxyLimits, type ProxyLimits } from "../proxy_header/limits.ts";
import { waitWithin } from "../time/call_limits.ts";
import type { PlainBinding } from "../transport/bind.ts";
import type { AcceptedTransport } from "../transport/options.ts";
import { translateError, whereOf } from "../transport/translate_error.ts";

/**
 * Which proxies a server is behind, and what their headers may be.
 *
 * @category PROXY protocol
 */
export interface ProxyProtocolOptions extends ProxyLimits {
  /**
   * IP addresses and ranges (CIDR) of the proxies; `"unix:"` for all that connect to a Unix
   * socket. Each connection from there must begin with a header, and is believed.
   */
  trustedProxies: readonly string[];
  /**
   * What to do with connections from elsewhere: close them, or serve them as clients that
   * came by themselves. No header of theirs is looked for.
   *
   * @default {"refuse"}
   */
  untrusted?: "refuse" | "direct" | undefined;
  /**
   * Longest that a header may take to arrive, in milliseconds, above 0. Headers are read
   * side by side: one that is late delays no other connection.
   *
   * @default {5_000}
   */
  headerTimeoutMs?: number | undefined;
}

/** One name for each option: the compiler finds one that is missing. */
const names: Record<keyof ProxyProtocolOptions, true> = {
  trustedProxies: true,
  untrusted: true,
  versions: true,
  headerTimeoutMs: true,
  maxHeaderBytes: true,
};
const NAMES: ReadonlySet<string> = new Set(Object.keys(names));

/** A Unix socket has no address to tell proxies apart by. */
const UNIX = "unix:";

/** Throws if one of these options is unknown, of the wrong type or out of range. */
export function checkProxyProtocolOptions(
  action: string,
  options: ProxyProtocolOptions,
): void {
  checkNames(action, "proxyProtocol", options, NAMES);
  const { trustedProxies, untrusted, headerTimeoutMs } = options;
  const isList = Array.isArray(trustedProxies) && trustedProxies.length > 0;
  if (!isList) {
    const must = "an array with at least one address";
    throw wrongKind(action, "trustedProxies", must, trustedProxies);
  }
  rangesOf(trustedProxies);
  if (untrusted !== undefined) {
    checkOneOf(action, "untrusted", untrusted, ["refuse", "direct"]);
  }
  if (headerTimeoutMs !== undefined) {
    checkAboveZero(action, "headerTimeoutMs", headerTimeoutMs);
  }
  checkProxyLimits(action, options);
}

function rangesOf(trustedProxies: readonly string[]): IpRanges {
  const ranges = Array.from(trustedProxies).filter((each) => each !== UNIX);
  return new IpRanges("trustedProxies", ranges);
}

/** Reads the headers of trusted proxies. */
export class ProxyGate {
  /** Makes a connection speak TLS, where the server does: below it is the header. */
  readonly secure: PlainBinding["secure"];
  /** Whether connections from elsewhere are closed. */
  readonly refusesOthers: boolean;
  readonly #limits: ProxyLimits;
  readonly #timeoutMs: number;
  readonly #ranges: IpRanges;
  readonly #trustsUnix: boolean;
  /** Servers without proxies do not load this code. */
  readonly #code = import("../transport/read_proxy_header.ts");

  constructor(options: ProxyProtocolOptions, secure: PlainBinding["secure"]) {
    const { trustedProxies, untrusted, headerTimeoutMs = 5_000 } = options;
    const { versions = [1, 2], maxHeaderBytes = 4_096 } = options;
    this.secure = secure;
    this.refusesOthers = untrusted !== "direct";
    this.#limits = { versions: [...versions], maxHeaderBytes };
    this.#timeoutMs = headerTimeoutMs;
    this.#ranges = rangesOf(trustedProxies);
    this.#trustsUnix = trustedProxies.includes(UNIX);
  }

  /** Whether a peer is a proxy, whose header must come first. */
  trusts(addr: Addr): boolean {
    if ("hostname" in addr) return this.#ranges.includes(addr.hostname);
    return this.#trustsUnix && addr.transport === "unix";
  }

  /**
   * Reads the header of a connection, within the limit and until `signal` aborts.
   *
   * @throws Why it failed; the caller closes the transport.
   */
  async read(transport: AcceptedTransport, signal: AbortSignal): Promise<void> {
    const timeoutMs = this.#timeoutMs;
    const operation = "read a PROXY header";
    const { localAddr, remoteAddr } = transport;
    try {
      const { readProxyHeader } = await this.#code;
      const read = readProxyHeader(transport, this.#limits);
      await waitWithin(operation, read, { timeoutMs, signal }, () => {
        const where = whereOf({ operation, remoteAddr });
        return { localAddr, remoteAddr, where };
      });
    } catch (error) {
      throw translateError(error, { operation, localAddr, remoteAddr });
    }
  }
}
