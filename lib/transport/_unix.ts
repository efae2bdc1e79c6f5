/**
 * Unix sockets: connections out, and connections in.
 *
 * @module
 */

import type { Addr } from "../addr.ts";
import { closeQuietly } from "./_close_quietly.ts";
import { orAbort } from "./_or_abort.ts";
import type { Acceptor, Transport, UnixBindOptions } from "./options.ts";

const { AddrInUse, BadResource, ConnectionRefused, NotFound } = Deno.errors;

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
  try {
    const { dev, ino, mtime, isSocket } = Deno.lstatSync(path);
    return isSocket ? `${dev}:${ino}:${mtime?.getTime()}` : "not a socket";
  } catch (error) {
    if (error instanceof NotFound) return undefined;
    throw error;
  }
}

/** Listens with exactly this mode, from the first moment where that is allowed. */
function listenWithMode(
  path: string,
  mode: number | undefined,
): Deno.UnixListener {
  if (mode === undefined) return Deno.listen({ transport: "unix", path });
  // Asking first, as a denied call could stop and prompt the user.
  const sys = Deno.permissions.querySync({
    name: "sys",
    kind: "umask" as "uid",
  });
  const umask = sys.state === "granted" ? Deno.umask(0o777 & ~mode) : undefined;
  let listener: Deno.UnixListener;
  try {
    listener = Deno.listen({ transport: "unix", path });
  } finally {
    if (umask !== undefined) Deno.umask(umask);
  }
  Deno.chmodSync(path, mode);
  return listener;
}

/** A listening Unix socket that never takes away a file which is not its own. */
class UnixAcceptor implements Acceptor {
  readonly addr: Addr;
  readonly ready: Promise<void> | undefined;
  readonly #path: string;
  readonly #mode: number | undefined;
  #listener: Deno.UnixListener | undefined;
  #identity: string | undefined;
  #closed = false;
  #rejectAccept: ((error: Error) => void) | undefined;

  constructor({ path, mode }: UnixBindOptions) {
    this.addr = { transport: "unix", path };
    this.#path = path;
    this.#mode = mode;
    try {
      this.#open();
    } catch (error) {
      if (!(error instanceof AddrInUse)) throw error;
      if (identify(path) === "not a socket") throw error;
      this.ready = this.#replaceStale(error);
      // Whoever accepts hears of it; nobody has to wait for `ready`.
      this.ready.catch(() => {});
    }
  }

  async accept(): Promise<Transport> {
    if (this.ready !== undefined) await this.ready;
    if (this.#closed || this.#listener === undefined) {
      throw new BadResource("Listener has been closed");
    }
    const { promise, resolve, reject } = Promise.withResolvers<Transport>();
    this.#rejectAccept = reject;
    this.#listener.accept().then(
      (conn) => this.#closed ? conn.close() : resolve(conn),
      reject,
    );
    return promise;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const listener = this.#listener;
    if (listener === undefined) return;
    const found = identify(this.#path);
    // Deno unlinks the path on close, whoever owns it by now.
    if (found === undefined || found === this.#identity) {
      return listener.close();
    }
    this.#closeBeside(listener);
    this.#rejectAccept?.(new BadResource("Listener has been closed"));
  }

  #open(): void {
    this.#listener = listenWithMode(this.#path, this.#mode);
    this.#identity = identify(this.#path);
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
      // Somebody else replaced it while this side was asking.
      if (found !== stale) throw inUse;
      Deno.removeSync(this.#path);
    }
    this.#open();
  }

  /** Closes while somebody else's file is at the path, which must live on. */
  #closeBeside(listener: Deno.UnixListener): void {
    const aside = `${this.#path}.${crypto.randomUUID()}`;
    const { state } = Deno.permissions.querySync({
      name: "write",
      path: aside,
    });
    const read = Deno.permissions.querySync({ name: "read", path: aside });
    if (state !== "granted" || read.state !== "granted") {
      // It cannot be moved out of the way: rather keep a descriptor than delete it.
      listener.unref();
      return;
    }
    Deno.renameSync(this.#path, aside);
    listener.close();
    try {
      Deno.linkSync(aside, this.#path);
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
    Deno.removeSync(aside);
  }
}

/** Listens on a Unix socket. */
export function bindUnix(options: UnixBindOptions): Acceptor {
  return new UnixAcceptor(options);
}
