/**
 * What the handshakes with all kinds of proxies share: bytes out, and exactly those bytes
 * in that belong to the handshake. What follows them is the server's, and must be found by
 * the next read of the connection: nothing is read ahead, so nothing has to be put back.
 *
 * @module
 */

import {
  BrokenError,
  type BrokenReason,
  ProxyError,
  type ProxyReason,
  type SocketErrorOptions,
} from "../errors.ts";
import type { Transport } from "../transport/options.ts";

/** Where a proxy shall connect to, and who asks. */
export interface ProxyRequest {
  /** Name or address of the host, found good, without brackets. */
  readonly hostname: string;
  readonly port: number;
  readonly user: Credentials | undefined;
}

/** A user name and a password, which no error text ever has. */
export interface Credentials {
  readonly name: string;
  readonly password: string;
}

/** The connection to a proxy, while it is asked. */
export class ProxyConnection {
  readonly #transport: Transport;
  /** What every message begins with. */
  readonly #start: string;
  readonly #options: SocketErrorOptions;

  constructor(
    transport: Transport,
    start: string,
    options: SocketErrorOptions,
  ) {
    this.#transport = transport;
    this.#start = start;
    this.#options = options;
  }

  /** Sends all of it. */
  async write(bytes: Uint8Array): Promise<void> {
    for (let sent = 0; sent < bytes.length;) {
      sent += await this.#transport.write(bytes.subarray(sent));
    }
  }

  /** Reads into `target` what is there, one byte at least. Throws where the proxy ends. */
  async readInto(target: Uint8Array): Promise<number> {
    const count = await this.#transport.read(target);
    if (count !== null) return count;
    const why = "it ended the connection before its answer was complete";
    throw this.error("closed", why);
  }

  /** Reads exactly so many bytes. */
  async read(length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    for (let read = 0; read < length;) {
      read += await this.readInto(bytes.subarray(read));
    }
    return bytes;
  }

  /** An error to throw: of the proxy. */
  error(reason: ProxyReason, why: string, reply?: number): ProxyError {
    const options = { ...this.#options, reply };
    return new ProxyError(reason, `${this.#start}: ${why}`, options);
  }

  /** An error to throw: of the server, as the proxy says. */
  broken(reason: BrokenReason, why: string): BrokenError {
    return new BrokenError(reason, `${this.#start}: ${why}`, this.#options);
  }
}
