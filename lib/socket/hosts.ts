/**
 * A connection to one of several hosts, one of which may be down, and another one hang.
 *
 * The hosts are tried one after the other: the next one when one fails, and beside it when
 * it takes its time, as Happy Eyeballs does with the addresses of one host (RFC 8305). The
 * first connection wins, its TLS handshake included, and the others are closed. Where all
 * fail there is one error, whose cause has those of all hosts. No host is tried twice:
 * that is the work of `retry`.
 *
 * `connect` loads this file only where it is given several hosts.
 *
 * @module
 */

import { isA, messageOf } from "../_check.ts";
import { type Addr, formatAddress } from "../addr.ts";
import {
  BrokenError,
  PermissionError,
  ProxyError,
  SocketError,
  TlsError,
} from "../errors.ts";
import { type CallOptions, watchCall } from "../time/call_limits.ts";
import { Alarm, type AlarmOptions } from "../time/coarse_timer.ts";
import { checkHosts } from "../transport/check_hosts.ts";
import { closeQuietly } from "../transport/close_quietly.ts";
import { dial } from "../transport/dial.ts";
import type {
  DialHost,
  DialOptions,
  HostsDialOptions,
  Transport,
} from "../transport/options.ts";

export { checkHosts };

/** What RFC 8305 recommends. */
const HOST_DELAY_MS = 250;

/** How many errors the text of the one for all repeats. */
const MAX_TEXTS = 4;

const EXACT: AlarmOptions = { exact: true };

/**
 * Connects to one of several hosts.
 *
 * @throws {TypeError} An option is of the wrong type, or cannot hold together with another.
 * @throws {RangeError} An option is out of range.
 * @throws {PermissionError} Deno denies one of the hosts: the others are not tried.
 * @throws {TimeoutError} A limit passed; `cause` has what failed before.
 * @throws {SocketError} All failed: of their class, or `BrokenError`; `cause` is an
 * `AggregateError` with their errors, in the order in which they were tried.
 */
export async function dialHosts(
  options: HostsDialOptions,
  limits: CallOptions,
): Promise<Transport> {
  checkHosts(options);
  const race = new HostRace(options, leftMs(limits));
  const unwatch = watchCall(
    "connect",
    limits,
    (reason) => race.cancel(reason),
    () => race.describeLimit(),
  );
  try {
    return await race.run();
  } finally {
    unwatch();
  }
}

function leftMs({ timeoutMs = Infinity, deadline }: CallOptions): number {
  return Math.min(timeoutMs, deadline?.remainingMs ?? Infinity);
}

/** All attempts, of which the first that succeeds ends the others. */
class HostRace {
  readonly #options: HostsDialOptions;
  readonly #hosts: readonly DialHost[];
  readonly #errors = new Map<DialHost, unknown>();
  readonly #controller = new AbortController();
  readonly #over = Promise.withResolvers<Transport>();
  /** Goes off when the next host is due. */
  readonly #alarm = new Alarm({ onAlarm: () => this.#tryNext() }, EXACT);
  #tried = 0;
  #isOver = false;

  constructor(options: HostsDialOptions, limitMs: number) {
    const { hosts, order = "random", hostDelayMs = HOST_DELAY_MS } = options;
    this.#options = options;
    // Objects of its own: the same one may be in the list twice.
    const own = hosts.map(({ hostname, port }) => ({ hostname, port }));
    this.#hosts = order === "random" ? shuffled(own) : own;
    // Each of them has its turn before the time is over.
    const delayMs = Math.min(hostDelayMs, limitMs / hosts.length);
    this.#alarm.limitMs = Math.max(1, delayMs);
  }

  run(): Promise<Transport> {
    if (!this.#isOver) this.#tryNext();
    return this.#over.promise;
  }

  /** Ends it: what is being connected is closed. */
  cancel(reason: unknown): void {
    this.#end();
    this.#over.reject(reason);
  }

  /**
   * The details for a `TimeoutError`: which hosts have not answered, and which have failed.
   */
  describeLimit(): {
    where: string;
    waitedFor?: string;
    remoteAddr?: Addr;
    cause?: AggregateError;
  } {
    const pending = this.#hosts.slice(0, this.#tried)
      .filter((host) => !this.#errors.has(host))
      .map((host) => formatAddress(addressOf(host)));
    const more = pending.length > MAX_TEXTS ? ", ..." : "";
    const { length, 0: first } = this.#hosts;
    const remoteAddr = length === 1 ? addressOf(first) : undefined;
    return {
      where: `to ${
        remoteAddr === undefined
          ? `any of ${length} hosts`
          : formatAddress(remoteAddr)
      }`,
      remoteAddr,
      // The time may have passed before the first was tried.
      waitedFor: pending.length === 0
        ? undefined
        : `no connection to ${pending.slice(0, MAX_TEXTS).join(", ")}${more}`,
      ...(this.#errors.size === 0 ? undefined : { cause: this.#causes() }),
    };
  }

  #tryNext(): void {
    if (this.#tried === this.#hosts.length) return;
    const host = this.#hosts[this.#tried++];
    const { dialer, tls, noDelay, keepAlive, proxyProtocol } = this.#options;
    const { hostname, port } = host;
    const target: DialOptions = dialer === undefined
      ? { hostname, port, tls, noDelay, keepAlive, proxyProtocol }
      : { dialer, hostname, port, tls, proxyProtocol };
    if (this.#tried < this.#hosts.length) this.#alarm.arm();
    const { signal } = this.#controller;
    dial(target, { signal }).then(
      (transport) => this.#onConnected(transport),
      (error) => this.#onFailed(host, error),
    );
  }

  #onConnected(transport: Transport): void {
    if (this.#isOver) return closeQuietly(transport);
    this.#end();
    this.#over.resolve(transport);
  }

  #onFailed(host: DialHost, error: unknown): void {
    if (this.#isOver) return;
    this.#errors.set(host, error);
    // A fault of this program: with another host it would be found only some day.
    if (isA(error, PermissionError) || isA(error, TypeError)) {
      return this.cancel(error);
    }
    if (this.#errors.size === this.#hosts.length) {
      return this.cancel(this.#failure());
    }
    this.#tryNext();
  }

  #end(): void {
    this.#isOver = true;
    this.#alarm.dispose();
    this.#controller.abort();
  }

  /** The errors in the order in which the hosts were tried. */
  #causes(): AggregateError {
    const tried = this.#hosts.filter((host) => this.#errors.has(host));
    const errors = tried.map((host) => this.#errors.get(host));
    const texts = tried.slice(0, MAX_TEXTS).map((host, i) => {
      const where = formatAddress(addressOf(host));
      return `${where}: ${reasonOf(errors[i])}`;
    });
    if (tried.length > MAX_TEXTS) texts.push("...");
    return new AggregateError(errors, texts.join("; "));
  }

  /** One error for all: of their own class where they share it. */
  #failure(): unknown {
    const cause = this.#causes();
    const errors: unknown[] = cause.errors;
    const [first] = errors;
    // With one host its error says all.
    if (errors.length === 1) return first;
    const text =
      `Cannot connect to any of ${errors.length} hosts: ${cause.message}`;
    const options = { operation: "connect", cause };
    if (isA(first, TlsError) && errors.every(isTls)) {
      return new TlsError(first.reason, text, options);
    }
    if (isA(first, ProxyError) && errors.every(isProxy)) {
      const { reason, reply } = first;
      return new ProxyError(reason, text, { ...options, reply });
    }
    const broken = errors.filter((error) => isA(error, BrokenError));
    // What may pass counts: the others may have been put right by then.
    const reason = broken.find((error) => error.reason !== "other")?.reason;
    return new BrokenError(reason ?? "other", text, options);
  }
}

const isTls = (error: unknown): boolean => isA(error, TlsError);
const isProxy = (error: unknown): boolean => isA(error, ProxyError);

function addressOf({ hostname = "127.0.0.1", port }: DialHost): Addr {
  return { transport: "tcp", hostname, port };
}

/** What an error says, without the host: that stands before it. */
function reasonOf(error: unknown): string {
  const message = messageOf(error);
  return isA(error, SocketError)
    ? message.replace(/^Cannot connect to \S+:? /, "")
    : message;
}

/** In random order (Fisher and Yates). */
function shuffled<T>(items: readonly T[]): T[] {
  const left = [...items];
  for (let i = left.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [left[i], left[j]] = [left[j], left[i]];
  }
  return left;
}
