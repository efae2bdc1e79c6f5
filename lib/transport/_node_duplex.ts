/**
 * A transport as a stream of Node, for what Deno offers in `node:tls` alone.
 *
 * @module
 */

import { closeQuietly } from "./_close_quietly.ts";
import type { Transport } from "./options.ts";

const loadStream = () => globalThis.process.getBuiltinModule("node:stream");

/** A stream of Node that goes both ways. */
export type NodeDuplex = InstanceType<ReturnType<typeof loadStream>["Duplex"]>;

/** Somewhat more than one TLS record. */
const READ_BYTES = 20_480;

async function writeAll(conn: Transport, bytes: Uint8Array): Promise<void> {
  for (let sent = 0; sent < bytes.length;) {
    sent += await conn.write(bytes.subarray(sent));
  }
}

/**
 * Makes a stream of a transport, which belongs to it from now on.
 *
 * @param room Waits, where it has to, before more is read.
 */
export function duplexOver(
  conn: Transport,
  room: () => Promise<void>,
): NodeDuplex {
  const { Duplex } = loadStream();
  const buffer = new Uint8Array(READ_BYTES);
  return new Duplex({
    allowHalfOpen: true,
    read(): void {
      room().then(() => conn.read(buffer)).then(
        // A copy: the stream may keep it, and the next read fills the buffer again.
        (count) => this.push(count === null ? null : buffer.slice(0, count)),
        (error) => this.destroy(error),
      );
    },
    write(bytes: Uint8Array, _encoding, done): void {
      writeAll(conn, bytes).then(() => done(), done);
    },
    final(done): void {
      conn.closeWrite().then(() => done(), done);
    },
    destroy(error, done): void {
      closeQuietly(conn);
      done(error);
    },
  });
}
