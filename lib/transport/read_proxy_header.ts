/**
 * The PROXY header of a connection that came in.
 *
 * @module
 */

import type { Addr } from "../addr.ts";
import { BrokenError, UnexpectedEofError } from "../errors.ts";
import { decodeHeader } from "../proxy_header/proxy_header.ts";
import type { ProxyLimits } from "../proxy_header/limits.ts";
import type { AcceptedTransport, ProxyInfo } from "./options.ts";

/** Nearly all headers fit. */
const FIRST_BYTES = 512;

/**
 * Reads the header, which must be the first that comes. From then on the transport has the
 * client's address for its `remoteAddr`, and what the header says for its `proxy`. What
 * came behind the header is read from it next.
 *
 * Cancellation: closing the transport ends it.
 *
 * @throws {MalformedFrameError} It is no header.
 * @throws {FrameTooLargeError} It is larger than `maxHeaderBytes`.
 * @throws {UnexpectedEofError} The peer ended before the header did.
 * @throws {unknown} What the transport throws.
 */
export async function readProxyHeader(
  transport: AcceptedTransport,
  options: ProxyLimits,
): Promise<void> {
  let bytes = new Uint8Array(FIRST_BYTES);
  let filled = 0;
  while (true) {
    if (filled === bytes.length) bytes = enlarged(bytes);
    const count = await transport.read(bytes.subarray(filled));
    if (count === null) throw endedEarly(filled);
    if (!(count > 0 && filled + count <= bytes.length)) {
      throw new BrokenError(
        "other",
        `Cannot read a PROXY header: the transport must read at least one byte into the array, got ${count}`,
      );
    }
    filled += count;
    const decoded = decodeHeader(bytes.subarray(0, filled), options);
    if (decoded === undefined) continue;
    const { header: { sourceAddr, ...header }, byteLength } = decoded;
    const { remoteAddr: peerAddr } = transport;
    const proxy = Object.assign(header, { peerAddr });
    describe(transport, sourceAddr, proxy);
    putBack(transport, bytes.subarray(byteLength, filled));
    return;
  }
}

function enlarged(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(4 * bytes.length);
  larger.set(bytes);
  return larger;
}

function endedEarly(received: number): UnexpectedEofError {
  return new UnexpectedEofError(
    received,
    undefined,
    `Cannot read a PROXY header: the peer ended after ${received} bytes`,
    { operation: "read a PROXY header" },
  );
}

// Properties of its own, and no object around it: a connection of Deno's stays one.
function describe(
  transport: AcceptedTransport,
  clientAddr: Addr | undefined,
  proxy: ProxyInfo,
): void {
  Object.defineProperty(transport, "proxy", { value: proxy });
  if (clientAddr === undefined) return;
  Object.defineProperty(transport, "remoteAddr", { value: clientAddr });
}

/** The next reads bring `rest` first. */
function putBack(transport: AcceptedTransport, rest: Uint8Array): void {
  if (rest.length === 0) return;
  const { read } = transport;
  Object.defineProperty(transport, "read", {
    configurable: true,
    writable: true,
    value(target: Uint8Array): Promise<number | null> {
      if (rest.length === 0) return read.call(transport, target);
      const count = Math.min(target.length, rest.length);
      target.set(rest.subarray(0, count));
      rest = rest.subarray(count);
      if (rest.length === 0) transport.read = read;
      return Promise.resolve(count);
    },
  });
}
