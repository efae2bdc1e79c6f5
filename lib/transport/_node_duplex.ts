/**
 * A transport as a stream of Node, for what Deno offers in `node:tls` alone.
 *
 * @module
 */

import { show } from "../_check.ts";
import { closeQuietly } from "./close_quietly.ts";
import type { Transport } from "./options.ts";

const loadStream = () => globalThis.process.getBuiltinModule("node:stream");

/** A stream of Node that goes both ways. */
export type NodeDuplex = InstanceType<ReturnType<typeof loadStream>["Duplex"]>;

/** Somewhat more than one TLS record. */
const READ_BYTES = 20_480;

/** Throws unless a transport gave a count of bytes: it may be one of the user's. */
function checkCount(count: number, most: number): void {
  if (Number.isInteger(count) && count > 0 && count <= most) return;
  throw new TypeError(
    `it must give 1 to ${most} bytes, got ${show(count)}`,
  );
}

async function readSome(
  conn: Transport,
  buffer: Uint8Array,
): Promise<Uint8Array | null> {
  const count = await conn.read(buffer);
  if (count === null) return null;
  checkCount(count, buffer.length);
  // A copy: the stream may keep it, and the next read fills the buffer again.
  return buffer.slice(0, count);
}

async function writeAll(conn: Transport, bytes: Uint8Array): Promise<void> {
  for (let sent = 0; sent < bytes.length;) {
    const count = await conn.write(bytes.subarray(sent));
    checkCount(count, bytes.length - sent);
    sent += count;
  }
}

async function endWrites(conn: Transport): Promise<void> {
  await conn.closeWrite();
}

/**
 * What a transport threw: a stream takes `undefined` for no error at all, and looks at an
 * error where nothing catches what that throws.
 */
function errorOf(thrown: unknown): Error {
  try {
    if (thrown instanceof Error) {
      // Once is enough: only a getter or a Proxy throws.
      void [thrown.stack, thrown.name, thrown.message, thrown.cause];
      void ("code" in thrown && thrown.code);
      return thrown;
    }
  } catch {
    // As below.
  }
  return new Error("the transport failed", { cause: thrown });
}

/**
 * Makes a stream of a transport, which belongs to it from now on.
 *
 * @param room Waits, where it has to, before more is read.
 * @param onWritten Is called after each write, and at once with the error of one that
 * failed: the stream's own error comes later, and Deno's TLS above it then says that the
 * write was done.
 */
export function duplexOver(
  conn: Transport,
  room: () => Promise<void>,
  onWritten: (error?: Error) => void = () => {},
): NodeDuplex {
  const { Duplex } = loadStream();
  const buffer = new Uint8Array(READ_BYTES);
  const settle = (writing: Promise<void>, done: (error?: Error) => void) =>
    writing.then(() => {
      done();
      onWritten();
    }, (thrown) => {
      const error = errorOf(thrown);
      onWritten(error);
      done(error);
    });
  return new Duplex({
    allowHalfOpen: true,
    read(): void {
      room().then(() => readSome(conn, buffer)).then(
        (bytes) => this.push(bytes),
        (error) => this.destroy(errorOf(error)),
      );
    },
    write(bytes: Uint8Array, _encoding, done): void {
      settle(writeAll(conn, bytes), done);
    },
    final(done): void {
      settle(endWrites(conn), done);
    },
    destroy(error, done): void {
      closeQuietly(conn);
      done(error);
    },
  });
}
