/**
 * Listening on a Unix socket that has exactly the mode which was asked for.
 *
 * The system makes the file with what the umask leaves of `0o777`, and Deno listens in the
 * same call. Changing the umask is no way out: it belongs to the whole process, and other
 * threads make files meanwhile. So the mode is set right after. Where the umask lets others
 * write to the socket, which is what connecting takes, a client that the mode refuses may
 * have connected in between: such clients are dropped before anything is accepted.
 *
 * Only `_unix.ts` imports this file.
 *
 * @module
 */

import { closeQuietly } from "./close_quietly.ts";

const { BrokenPipe, WouldBlock } = Deno.errors;

/** Bits of users other than the owner who may connect. */
const OTHERS_CONNECT = 0o022;
/** The bit of the owner. */
const OWNER_CONNECTS = 0o200;

/** A listener with its mode. */
export interface ListenerWithMode {
  readonly listener: Deno.UnixListener;
  /**
   * Nothing may be accepted before it has resolved. Absent where nothing has to be waited
   * for. Where the early clients cannot be told from others it rejects, and the listener is
   * still open.
   */
  readonly ready?: Promise<void> | undefined;
}

/** Listens at `path`; without `mode`, the umask decides who may connect. */
export function listenWithMode(
  path: string,
  mode: number | undefined,
): ListenerWithMode {
  const listener = Deno.listen({ transport: "unix", path });
  if (mode === undefined) return { listener };
  try {
    const made = Deno.lstatSync(path).mode ?? 0;
    if ((made & ~mode & OTHERS_CONNECT) === 0) {
      Deno.chmodSync(path, mode);
      return { listener };
    }
    // This process has to connect first: see `dropEarly`.
    Deno.chmodSync(path, mode | OWNER_CONNECTS);
    return { listener, ready: dropEarly(listener, path, mode) };
  } catch (error) {
    listener.close();
    throw error;
  }
}

/**
 * Drops the clients that connected before the mode was set. Clients are accepted in the order
 * in which they connected: all that come before one of this side's own are early.
 */
async function dropEarly(
  listener: Deno.UnixListener,
  path: string,
  mode: number,
): Promise<void> {
  const own = await connectOwn(listener, path);
  try {
    if ((mode & OWNER_CONNECTS) === 0) Deno.chmodSync(path, mode);
    do closeQuietly(await listener.accept()); while (await isConnected(own));
  } finally {
    own.close();
  }
}

async function connectOwn(
  listener: Deno.UnixListener,
  path: string,
): Promise<Deno.UnixConn> {
  for (;;) {
    try {
      return await Deno.connect({ transport: "unix", path });
    } catch (error) {
      if (!(error instanceof WouldBlock)) throw error;
      // The backlog is full: one early client makes room.
      closeQuietly(await listener.accept());
    }
  }
}

/**
 * Whether the other end is open: the system refuses a write, even of no bytes, once it is
 * closed.
 */
async function isConnected(conn: Deno.UnixConn): Promise<boolean> {
  try {
    await conn.write(new Uint8Array(0));
    return true;
  } catch (error) {
    if (error instanceof BrokenPipe) return false;
    throw error;
  }
}
