/**
 * Unix sockets: connections out, and connections in.
 *
 * @module
 */

import { closeQuietly } from "./close_quietly.ts";
import { orAbort } from "./_or_abort.ts";
import { listenWithMode } from "./_unix_mode.ts";
import { isAbstract } from "./check_address.ts";
import type { Acceptor, Transport, UnixBindOptions } from "./options.ts";

const { AddrInUse, BadResource, ConnectionRefused, NotADirectory, NotFound } =
  Deno.errors;

/** Connects to a Unix socket. Deno ignores the signal there: see `orAbort`. */
export function dialUnix(
  path: string,
  signal: AbortSignal | undefined,
): Promise<Deno.UnixConn> {
  const connecting = Deno.connect({ transport: "unix", path });
  return orAbort(connecting, signal, closeQuietly);
}

/**
 * Tells one socket file from another at the same path; `undefined` for no file. The
 * time is part of it, as an inode number is given out again once its file is gone.
 */
function identify(path: string): string | undefined {
  // There is no file that could be another listener's.
  if (isAbstract(path)) return undefined;
  try {
    const { dev, ino, mtime, isSocket } = Deno.lstatSync(path);
    return isSocket ? `${dev}:${ino}:${mtime?.getTime()}` : "not a socket";
  } catch (error) {
    if (error instanceof NotFound || error instanceof NotADirectory) {
      return undefined;
    }
    throw error;
  }
}

/** A listening Unix socket that never takes away a file which is not its own. */
class UnixAcceptor implements Acceptor<Deno.UnixAddr> {
  readonly addr: Deno.UnixAddr;
  readonly ready: Promise<void> | undefined;
  readonly #path: string;
  readonly #mode: number | undefined;
  #listener: Deno.UnixListener | undefined;
  #identity: string | undefined;
  #closed = false;
  #holdsProcess = true;
  #rejectAccept: ((error: Error) => void) | undefined;

  constructor({ path, mode }: UnixBindOptions) {
    this.addr = { transport: "unix", path };
    this.#path = path;
    this.#mode = mode;
    try {
      this.ready = this.#open();
    } catch (error) {
      if (!(error instanceof AddrInUse)) throw error;
      // A name without a file is free as soon as its listener is gone.
      if (isAbstract(path) || identify(path) === "not a socket") throw error;
      this.ready = this.#replaceStale(error);
    }
    // `accept` rejects with it too: not every caller waits for `ready`.
    this.ready?.catch(() => {});
  }

  async accept(): Promise<Transport> {
    if (this.ready !== undefined) await this.ready;
    if (this.#closed || this.#listener === undefined) {
      throw new BadResource("Listener has been closed");
    }
    const { promise, resolve, reject } = Promise.withResolvers<Transport>();
    this.#rejectAccept = reject;
    this.#listener.accept().then((conn) => {
      if (!this.#closed) return resolve(conn);
      // It came in the turn in which this was closed.
      conn.close();
      reject(new BadResource("Listener has been closed"));
    }, reject);
    return promise;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const listener = this.#listener;
    if (listener === undefined) return;
    const found = this.#found();
    // Deno unlinks the path on close, also where the file is another listener's by now.
    if (found === undefined || found === this.#identity) {
      return listener.close();
    }
    this.#closeBeside(listener);
    this.#rejectAccept?.(new BadResource("Listener has been closed"));
  }

  ref(): void {
    this.#holdsProcess = true;
    this.#listener?.ref();
  }

  unref(): void {
    this.#holdsProcess = false;
    this.#listener?.unref();
  }

  /** Listens. Returns what to wait for, if anything, before the first client is accepted. */
  #open(): Promise<void> | undefined {
    const { listener, ready } = listenWithMode(this.#path, this.#mode);
    try {
      this.#identity = identify(this.#path);
    } catch (error) {
      ready?.catch(() => {});
      listener.close();
      throw error;
    }
    this.#listener = listener;
    if (!this.#holdsProcess) listener.unref();
    return ready?.catch((error) => {
      if (this.#closed) return;
      // It may have clients that its mode refuses.
      this.close();
      throw error;
    });
  }

  /** The file at the path, where it can be read: where it cannot, Deno cannot unlink it either. */
  #found(): string | undefined {
    try {
      return identify(this.#path);
    } catch {
      return undefined;
    }
  }

  /** A file without a listener is what a crash left behind: only asking can tell. */
  async #replaceStale(inUse: Error): Promise<void> {
    const stale = identify(this.#path);
    try {
      const conn = await Deno.connect({ transport: "unix", path: this.#path });
      conn.close();
      throw inUse;
    } catch (error) {
      if (!(error instanceof ConnectionRefused || error instanceof NotFound)) {
        throw error instanceof Deno.errors.WouldBlock ? inUse : error;
      }
    }
    if (this.#closed) return;
    const found = identify(this.#path);
    if (found !== undefined) {
      // Another process replaced it while this side was asking.
      if (found !== stale) throw inUse;
      Deno.removeSync(this.#path);
    }
    await this.#open();
  }

  /** Closes while another listener's file is at the path, which must live on. */
  #closeBeside(listener: Deno.UnixListener): void {
    const aside = `${this.#path}.${crypto.randomUUID()}`;
    if (!this.#moveTo(aside)) {
      // It cannot be moved out of the way: rather keep a descriptor than delete it.
      listener.unref();
      return;
    }
    listener.close();
    try {
      // Unlike a rename, it leaves alone what was put there meanwhile.
      Deno.linkSync(aside, this.#path);
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) {
        // A file system without links.
        return Deno.renameSync(aside, this.#path);
      }
    }
    Deno.removeSync(aside);
  }

  #moveTo(aside: string): boolean {
    // Asking first, as a denied call could stop and prompt the user.
    for (const name of ["read", "write"] as const) {
      const { state } = Deno.permissions.querySync({ name, path: aside });
      if (state !== "granted") return false;
    }
    try {
      Deno.renameSync(this.#path, aside);
      return true;
    } catch {
      return false;
    }
  }
}

/** Listens on a Unix socket. */
export function bindUnix(options: UnixBindOptions): Acceptor<Deno.UnixAddr> {
  return new UnixAcceptor(options);
}
