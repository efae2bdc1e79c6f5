/**
 * Listening on a socket that was opened by another process, which goes on with it later.
 *
 * Deno has no listener for a descriptor; `node:net` has one. It accepts without being
 * asked, all that is there in one go, so connections wait here, and not in the system's
 * backlog, until the server takes them. Whatever was accepted can be had nowhere else: `stop`
 * loses none of it.
 *
 * @module
 */

import { type Addr, formatAddress } from "../addr.ts";
import { BrokenError } from "../errors.ts";
import { closeQuietly, quietly } from "./close_quietly.ts";
import { findDescriptor, refuseDescriptor } from "./listen_fds.ts";
import {
  nodeNet,
  type NodeSocket,
  NodeSocketTransport,
} from "./_node_socket.ts";
import type {
  AcceptedTransport,
  Acceptor,
  DescriptorBindOptions,
} from "./options.ts";

const { BadResource } = Deno.errors;

type NodeServer = InstanceType<ReturnType<typeof nodeNet>["Server"]>;
type DescriptorAddr = Deno.NetAddr | Deno.UnixAddr;

/** Most connections that wait for the server; what comes beyond is closed. */
const MAX_WAITING = 1_024;

/**
 * `listen` on a descriptor sets the backlog of a Unix socket anew; the system lowers it to
 * its own limit.
 */
const LARGEST_BACKLOG = 65_535;

/** Listens on a descriptor, by its number or its name. */
export function bindDescriptor(
  options: DescriptorBindOptions,
): Acceptor<DescriptorAddr> {
  const { listenFd } = options;
  const fd = typeof listenFd === "string" ? findDescriptor(listenFd) : listenFd;
  return new DescriptorAcceptor(fd, options);
}

class DescriptorAcceptor implements Acceptor<DescriptorAddr> {
  readonly addr: DescriptorAddr;
  readonly #options: DescriptorBindOptions;
  readonly #waiting: NodeSocketTransport[] = [];
  readonly #revival: Revival;
  #server: NodeServer;
  #pending: PromiseWithResolvers<AcceptedTransport> | undefined;
  #referenced = true;
  #closedForLackOfRoom = 0;
  /** No more connections come; those that wait can still be had. */
  #stopped = false;

  constructor(fd: number, options: DescriptorBindOptions) {
    this.#options = options;
    this.#server = this.#newServer();
    this.#listen(fd);
    this.addr = this.#address();
    this.#revival = new Revival(() => this.#listenAgain());
  }

  #newServer(): NodeServer {
    const { noDelay = true, keepAlive = false } = this.#options;
    const server = nodeNet().createServer({
      allowHalfOpen: true,
      // Nothing is read before the server asks for it.
      pauseOnConnect: true,
      noDelay,
      keepAlive,
    });
    server.on("connection", (socket) => this.#onConnection(socket));
    return server;
  }

  #listen(fd: number): void {
    const server = this.#server;
    // It comes in a later turn, when it is known already.
    server.on("error", () => {});
    server.listen({ fd }, LARGEST_BACKLOG);
    if (server.listening) return void server.unref();
    throw refuseDescriptor(
      fd,
      "not-available",
      "it is not a socket that listens, or not this process's, or in use already",
    );
  }

  #address(): DescriptorAddr {
    const found = this.#server.address();
    // A Unix socket: its path cannot be had without all permissions.
    if (found === null || typeof found === "string") {
      return { transport: "unix", path: found ?? "" };
    }
    return { transport: "tcp", hostname: found.address, port: found.port };
  }

  /**
   * Deno (2.9) does not accept again once there was no descriptor for a connection, and tells
   * of nothing; a server that takes over the handle makes it try. On a Unix socket it cannot.
   */
  #listenAgain(): void {
    const again = this.#newServer();
    again.on("error", () => {});
    again.listen(this.#server);
    if (this.#pending === undefined || !this.#referenced) again.unref();
    this.#server = again;
  }

  #onConnection(socket: NodeSocket): void {
    const { transport: kind } = this.addr;
    const { remoteAddress, remotePort, localAddress, localPort } = socket;
    const netAddr = (hostname?: string, port?: number): Addr | undefined =>
      hostname === undefined || port === undefined
        ? undefined
        : { transport: "tcp", hostname, port };
    const remoteAddr = kind === "unix"
      ? this.addr
      : netAddr(remoteAddress, remotePort);
    // It was reset while it waited in the backlog.
    if (remoteAddr === undefined) return void socket.destroy();
    const localAddr = netAddr(localAddress, localPort) ?? this.addr;
    const conn = new NodeSocketTransport(socket, localAddr, remoteAddr);
    if (kind === "tcp") this.#revival.watch(conn);
    const pending = this.#pending;
    if (pending !== undefined) {
      this.#pending = undefined;
      this.#server.unref();
      pending.resolve(conn);
    } else if (this.#waiting.length < MAX_WAITING) {
      this.#waiting.push(conn);
    } else {
      this.#closedForLackOfRoom++;
      closeQuietly(conn);
    }
  }

  accept(): Promise<AcceptedTransport> {
    if (this.#closedForLackOfRoom > 0) return Promise.reject(this.#exhausted());
    const conn = this.#waiting.shift();
    if (conn !== undefined) return Promise.resolve(conn);
    if (this.#stopped) return Promise.reject(closed());
    this.#pending = Promise.withResolvers();
    if (this.#referenced) this.#server.ref();
    return this.#pending.promise;
  }

  #exhausted(): BrokenError {
    const { addr } = this;
    const count = this.#closedForLackOfRoom;
    this.#closedForLackOfRoom = 0;
    return new BrokenError(
      "exhausted",
      `Cannot accept on ${
        formatAddress(addr)
      }: ${count} connections were closed, ` +
        `as ${MAX_WAITING} were waiting for the server`,
      { operation: "accept", localAddr: addr },
    );
  }

  stop(): void {
    // Deno takes a whole batch out of the backlog and hands it over before anything else
    // runs: there is no connection yet to come.
    this.#end();
  }

  close(): void {
    this.#end();
    for (const conn of this.#waiting.splice(0)) closeQuietly(conn);
  }

  #end(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#revival.stop();
    this.#server.close();
    this.#pending?.reject(closed());
    this.#pending = undefined;
  }

  ref(): void {
    this.#referenced = true;
    if (this.#pending !== undefined) this.#server.ref();
  }

  unref(): void {
    this.#referenced = false;
    quietly(() => this.#server.unref());
  }
}

const closed = (): Error => new BadResource("Listener has been closed");

/** With fewer connections than these it is not they that have used descriptors up. */
const FEW_CONNECTIONS = 16;
const FIRST_REVIVAL_MS = 1_000;
const LAST_REVIVAL_MS = 60_000;
/** What the system had kept comes right behind a revival that was needed. */
const PROMPTLY_MS = 100;

/**
 * Guesses when a listener has to be revived, as Deno does not tell of a shortage of
 * descriptors: when one of many connections has ended, and none has come for a second. Each
 * revival costs half a kilobyte for good, so that those which brought nothing become rare.
 */
class Revival {
  readonly #revive: () => void;
  #open = 0;
  #pauseMs = FIRST_REVIVAL_MS;
  #revivedAt = -Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  constructor(revive: () => void) {
    this.#revive = revive;
  }

  /** A connection came. */
  watch(conn: NodeSocketTransport): void {
    this.#open++;
    this.#cancel();
    if (performance.now() - this.#revivedAt < PROMPTLY_MS) {
      this.#pauseMs = FIRST_REVIVAL_MS;
    }
    conn.onClose(() => {
      if (this.#open-- >= FEW_CONNECTIONS) this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#stopped || this.#timer !== undefined) return;
    const timer = this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#revivedAt = performance.now();
      this.#pauseMs = Math.min(2 * this.#pauseMs, LAST_REVIVAL_MS);
      this.#revive();
    }, this.#pauseMs);
    Deno.unrefTimer(timer);
  }

  #cancel(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** The listener ends. */
  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }
}
