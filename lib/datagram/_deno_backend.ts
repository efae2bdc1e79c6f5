/**
 * Datagrams by `Deno.listenDatagram`: UDP, and Unix sockets.
 *
 * @module
 */

import { formatAddress } from "../addr.ts";
import { BrokenError, PermissionError } from "../errors.ts";
import { parseIp } from "../ip.ts";
import { Alarm } from "../time/coarse_timer.ts";
import { translateError } from "../transport/translate_error.ts";
import type {
  DatagramAddr,
  DatagramBinding,
  DatagramSink,
  DatagramTarget,
  DatagramTransport,
  MulticastOptions,
} from "./options.ts";

/** Whether the flag is there without which Deno has no datagrams. */
export function hasListenDatagram(): boolean {
  return typeof Deno.listenDatagram === "function";
}

/** Binds a port. */
export function bindDeno(
  { hostname, port, reuseAddress, maxDatagramBytes }: DatagramBinding,
): DatagramTransport<Deno.NetAddr> {
  const localAddr = { transport: "udp" as const, hostname, port };
  checkFlag(localAddr);
  const conn = Deno.listenDatagram({ ...localAddr, reuseAddress });
  return new DenoTransport<Deno.NetAddr>(conn, maxDatagramBytes);
}

/** Binds a path. */
export function bindUnixDatagrams(
  path: string,
  maxDatagramBytes: number,
): DatagramTransport<Deno.UnixAddr> {
  const localAddr = { transport: "unixpacket" as const, path };
  checkFlag(localAddr);
  const sender = Deno.listenDatagram(localAddr);
  try {
    Deno.removeSync(path);
    const receiver = Deno.listenDatagram(localAddr);
    return new UnixTransport(sender, receiver, maxDatagramBytes, path);
  } catch (error) {
    sender.close();
    throw error;
  }
}

function checkFlag(localAddr: DatagramAddr): void {
  if (hasListenDatagram()) return;
  const flag = "--unstable-net";
  const where = formatAddress(localAddr);
  throw new PermissionError(
    [flag],
    `Cannot bind to ${where}: run again with ${flag}, as Deno.listenDatagram is behind it`,
    { operation: "bind", localAddr },
  );
}

/** One socket of Deno's. */
class DenoTransport<A extends DatagramAddr> implements DatagramTransport<A> {
  readonly localAddr: A;
  readonly #conn: Deno.DatagramConn;
  readonly #limit: number;
  readonly #memberships = new Map<
    string,
    { leave(): Promise<void> }
  >();
  #loop: Promise<void> | undefined;
  #closed = false;
  /** Whether a call waits for a datagram. */
  #isAwaited = false;
  /** Called when one does again. */
  #onAwaited: (() => void) | undefined;
  #awaitsTurn = false;
  readonly #onTurn = (): void => {
    this.#awaitsTurn = false;
    this.#onAwaited?.();
  };

  constructor(conn: Deno.DatagramConn, maxDatagramBytes: number) {
    this.#conn = conn;
    this.#limit = maxDatagramBytes;
    this.localAddr = conn.addr as A;
    refOf(conn).unref();
  }

  start(sink: DatagramSink<A>): void {
    this.#loop = this.#receive(sink);
  }

  send(data: Uint8Array, to: DatagramTarget<A>): Promise<number> {
    return this.#conn.send(data, denoAddr(to));
  }

  get closed(): boolean {
    return this.#closed;
  }

  async close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      // The system lets go of the address only when nothing is pending: wait for that.
      refOf(this.#conn).ref();
      this.#conn.close();
    }
    await this.#loop;
  }

  ref(): void {
    this.#isAwaited = true;
    refOf(this.#conn).ref();
    this.#onAwaited?.();
  }

  unref(): void {
    this.#isAwaited = false;
    refOf(this.#conn).unref();
  }

  async joinMulticast(group: string, options: MulticastOptions): Promise<void> {
    const joined = isIpv6(group)
      ? this.#conn.joinMulticastV6(group, Number(options.interface ?? 0))
      : this.#conn.joinMulticastV4(group, `${options.interface ?? "0.0.0.0"}`);
    this.#memberships.set(keyOf(group, options), await joined);
  }

  async leaveMulticast(
    group: string,
    options: MulticastOptions,
  ): Promise<void> {
    const key = keyOf(group, options);
    await this.#memberships.get(key)?.leave();
    this.#memberships.delete(key);
  }

  /**
   * Resolves when the caller that got a datagram waits for the next one, or in the next turn
   * of the event loop. Until then the next one stays in the system: most callers answer
   * first, and asked for before it would mostly not be there yet, which takes a turn of the
   * event loop and a system call more.
   */
  #answered(): Promise<void> {
    if (!this.#awaitsTurn) {
      this.#awaitsTurn = true;
      setImmediate(this.#onTurn);
    }
    return new Promise((resolve) => this.#onAwaited = resolve);
  }

  async #receive(sink: DatagramSink<A>): Promise<void> {
    // One byte more than a datagram may have, as Deno cuts off what does not fit.
    const limit = this.#limit;
    const buffer = new Uint8Array(limit + 1);
    for (;;) {
      try {
        const [data, from] = await this.#conn.receive(buffer);
        const wasAwaited = this.#isAwaited;
        if (data.length > limit) sink.onOversize();
        else sink.onDatagram(copyOf(data), named(from) as A);
        if (wasAwaited && !this.#isAwaited) await this.#answered();
      } catch (error) {
        if (this.#closed) return;
        if (isAboutEarlierSend(error)) continue;
        return sink.onEnd(error);
      }
    }
  }
}

/** A small one that `slice` makes has to get memory of its own first when it is sent. */
function copyOf(data: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(new ArrayBuffer(data.length));
  copy.set(data);
  return copy;
}

/** A Unix socket that did not bind a path has none: Deno says null, whatever its types say. */
function named(from: Deno.Addr): Deno.Addr {
  return "path" in from && from.path === null ? { ...from, path: "" } : from;
}

/** Some systems report here that an earlier datagram had no receiver. */
function isAboutEarlierSend(thrown: unknown): boolean {
  const error = translateError(thrown, { operation: "receive" });
  return error instanceof BrokenError &&
    (error.reason === "reset" || error.reason === "refused");
}

function isIpv6(group: string): boolean {
  return parseIp(group)?.length === 16;
}

function keyOf(group: string, options: MulticastOptions): string {
  return `${group} ${options.interface ?? ""}`;
}

/** Deno has these, and its types do not. */
function refOf(conn: Deno.DatagramConn): { ref(): void; unref(): void } {
  return conn as unknown as { ref(): void; unref(): void };
}

function denoAddr(to: DatagramTarget): Deno.Addr {
  if ("path" in to) return { transport: "unixpacket", path: to.path };
  const { hostname = "127.0.0.1", port } = to;
  return { transport: "udp", hostname, port };
}

/** How long a receiver whose queue in the system is full may hold up what is sent to others. */
const FULL_MS = 100;

/** Receivers that may be full at a time: each takes a descriptor. */
const MAX_FULL = 64;

/**
 * A Unix socket, which is two: Deno (2.9) refuses to send on one that waits for a datagram,
 * and it always does. The sender was bound to the path first, and its file removed. So what
 * it sends says that it comes from the path, and what goes to the path reaches the receiver.
 *
 * The system makes a sender wait for a receiver that reads nothing, and Deno can neither
 * send to others meanwhile nor give that up. So after a while another sender takes its
 * place, and that one is left to its receiver.
 *
 * It removes its file when it ends, as Deno does not.
 */
class UnixTransport extends DenoTransport<Deno.UnixAddr> {
  /** The system says how much: by default some 212,000 bytes on Linux. */
  readonly maxSendBytes = Infinity;
  #sender: Deno.DatagramConn;
  readonly #path: string;
  readonly #identity: string | undefined;
  /** Receivers that a sender is left to. */
  readonly #full = new Set<string>();
  readonly #alarm = new Alarm({ onAlarm: () => this.#onFull() }, {
    holdsProcess: false,
  });
  /** What to do where the send that is under way takes too long. */
  #onFull = (): void => {};

  constructor(
    sender: Deno.DatagramConn,
    receiver: Deno.DatagramConn,
    maxBytes: number,
    path: string,
  ) {
    super(receiver, maxBytes);
    this.#sender = sender;
    this.#path = path;
    this.#identity = identify(path);
    this.#alarm.limitMs = FULL_MS;
  }

  // No async function, and no race: every datagram comes this way.
  override send(
    data: Uint8Array,
    to: DatagramTarget<Deno.UnixAddr>,
  ): Promise<number> {
    const { path } = to;
    if (this.#full.has(path)) return Promise.reject(this.#fullError(path));
    const sender = this.#sender;
    return new Promise((resolve, reject) => {
      this.#onFull = () => {
        if (this.#full.size >= MAX_FULL || !this.#replaceSender()) return;
        this.#full.add(path);
        reject(this.#fullError(path));
      };
      // A copy, as it may still be on its way when the call has ended.
      sender.send(copyOf(data), denoAddr(to)).then((count) => {
        this.#onSettled(path, sender);
        resolve(count);
      }, (error) => {
        this.#onSettled(path, sender);
        reject(error);
      });
      this.#alarm.arm();
    });
  }

  /** A send has settled, which may have been given up. */
  #onSettled(path: string, sender: Deno.DatagramConn): void {
    if (sender === this.#sender) return this.#alarm.disarm();
    this.#full.delete(path);
    sender.close();
  }

  #fullError(path: string): BrokenError {
    const remoteAddr = { transport: "unixpacket" as const, path };
    return new BrokenError(
      "exhausted",
      `Cannot send to ${
        formatAddress(remoteAddr)
      }: its receiver takes nothing (as many datagrams as the system keeps wait for it)`,
      { operation: "send", localAddr: this.localAddr, remoteAddr },
    );
  }

  /**
   * Makes another sender of the same path. Not where the path is another socket's by now, or
   * Deno may not write beside it.
   */
  #replaceSender(): boolean {
    const path = this.#path;
    const aside = `${path}.${crypto.randomUUID().slice(0, 8)}`;
    if (this.closed || !this.#isOwnFile || !mayMoveTo(aside)) return false;
    try {
      Deno.renameSync(path, aside);
    } catch {
      // The folder takes no new names any more.
      return false;
    }
    try {
      this.#sender = Deno.listenDatagram({ transport: "unixpacket", path });
      return true;
    } catch {
      // There are no descriptors left, say.
      return false;
    } finally {
      // In the place of the sender's own file.
      Deno.renameSync(aside, path);
    }
  }

  get #isOwnFile(): boolean {
    return this.#identity !== undefined &&
      identify(this.#path) === this.#identity;
  }

  override async close(): Promise<void> {
    if (this.closed) return await super.close();
    // Looked at before its end, as until then no other socket can take the path.
    const isOwn = this.#isOwnFile;
    this.#alarm.dispose();
    this.#sender.close();
    await super.close();
    if (isOwn) removeQuietly(this.#path);
  }
}

/** Whether Deno lets a file be moved there, without asking the user. */
function mayMoveTo(path: string): boolean {
  return (["read", "write"] as const).every((name) =>
    Deno.permissions.querySync({ name, path }).state === "granted"
  );
}

function identify(path: string): string | undefined {
  try {
    const { dev, ino } = Deno.lstatSync(path);
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}

function removeQuietly(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // Another process was faster, or the folder is gone.
  }
}
