/**
 * A transport of a Duplex of `node:stream`.
 *
 * @module
 */

import type { Duplex } from "node:stream";
import { checkMethods, checkNames, readOptions } from "../_check.ts";
import type { Addr } from "../addr.ts";
import { copyOf } from "../bytes/plain_array.ts";
import { quietly } from "../transport/close_quietly.ts";
import {
  ACTION,
  type AdaptedTransport,
  ADDRESS_OPTION_NAMES,
  type AddressOptions,
  checkAddresses,
} from "./adapted_transport.ts";
import {
  CarriedTransport,
  type Carrier,
  CLOSE_MS,
} from "./_carried_transport.ts";

const { BrokenPipe, ConnectionReset } = Deno.errors;

/**
 * What the ends of a Duplex are called. Those of a `net.Socket` are known.
 *
 * @category Adapters
 *
 * @example
 * ```ts
 * import type { FromDuplexOptions } from "@sluice/net/adapters";
 *
 * const options: FromDuplexOptions = {
 *   remoteAddr: { transport: "stream", name: "ssh channel" },
 * };
 * ```
 */
export type FromDuplexOptions = AddressOptions;

const OPTION_NAMES: ReadonlySet<string> = new Set(ADDRESS_OPTION_NAMES);

/**
 * Makes a transport of a stream of Node that goes both ways, which belongs to it from now
 * on: a `net.Socket`, a channel of SSH, a stream of HTTP/2.
 *
 * It reads what the stream has and keeps what does not fit; the stream itself reads ahead
 * up to its own high-water mark. A write resolves when the stream has taken a copy of
 * its bytes. `closeWrite` ends the writable side, and the readable side goes on, as
 * `allowHalfOpen` is set. `close` destroys the stream: where the peer has ended its side,
 * after what was written has left, or a second later; otherwise at once.
 *
 * A stream of strings or of objects breaks the connection, and one that is destroyed before
 * its end is a reset.
 *
 * @param duplex The stream; nothing else may read from it.
 * @param options Its addresses.
 * @returns A transport, for `new Socket(...)` for instance.
 * @throws {TypeError} It is not a Duplex, or an option is of the wrong type or not known.
 * @category Adapters
 *
 * @example
 * ```ts
 * import { Socket } from "@sluice/net";
 * import { fromDuplex } from "@sluice/net/adapters";
 * import { assertEquals } from "@std/assert";
 * import { PassThrough } from "node:stream";
 *
 * await using socket = new Socket(fromDuplex(new PassThrough()));
 * await socket.write("back again\n");
 * assertEquals(await socket.readLine(), "back again");
 * ```
 */
export function fromDuplex(
  duplex: Duplex,
  options: FromDuplexOptions = {},
): AdaptedTransport {
  checkMethods(ACTION, "duplex", duplex, ["read", "write", "end", "destroy"]);
  checkNames(ACTION, "options", options, OPTION_NAMES);
  const given = readOptions(options, OPTION_NAMES);
  checkAddresses(given);
  const known = { ...addressesOf(duplex), ...given };
  return new CarriedTransport(
    "duplex",
    known,
    (transport) => new DuplexCarrier(transport, duplex),
  );
}

/** A `net.Socket`, as far as it is one. */
interface SocketLike {
  localAddress?: unknown;
  localPort?: unknown;
  remoteAddress?: unknown;
  remotePort?: unknown;
  ref?(): unknown;
  unref?(): unknown;
}

function addressesOf(duplex: Duplex & SocketLike): AddressOptions {
  const { localAddress, localPort, remoteAddress, remotePort } = duplex;
  const netAddr = (hostname: unknown, port: unknown): Addr | undefined =>
    typeof hostname === "string" && typeof port === "number"
      ? { transport: "tcp", hostname, port }
      : undefined;
  const localAddr = netAddr(localAddress, localPort);
  const remoteAddr = netAddr(remoteAddress, remotePort);
  return { localAddr, remoteAddr };
}

/** Carries the bytes of a transport over a Duplex. */
class DuplexCarrier implements Carrier {
  readonly halfClose = true;
  readonly #transport: CarriedTransport;
  readonly #duplex: Duplex & SocketLike;

  constructor(transport: CarriedTransport, duplex: Duplex) {
    this.#transport = transport;
    this.#duplex = duplex;
    // Else it would end our side with the peer's.
    duplex.allowHalfOpen = true;
    // They stay: without a listener, a later error would end the process.
    duplex.on("error", (error) => this.#fail(error));
    duplex.on("close", () => this.#fail());
    duplex.on("end", () => transport.endRead());
    duplex.on("readable", () => {
      // Without bytes it may be the end, which is not told before it is asked for.
      if (transport.wantsBytes || duplex.readableLength === 0) this.pull();
    });
    if (duplex.readableEnded) transport.endRead();
    if (duplex.destroyed) this.#fail(duplex.errored ?? undefined);
  }

  /** It was destroyed, for a reason or without one. */
  #fail(error?: Error): void {
    this.#transport.failRead(
      error ?? new ConnectionReset("the stream was destroyed"),
    );
    // What has ended well may still have to be told.
    if (this.#duplex.writableFinished) return;
    this.#transport.failWrite(error ?? new BrokenPipe("Broken pipe"));
  }

  pull(): void {
    // All that is there: `null` means that "readable" or "end" follows.
    const chunk: unknown = this.#duplex.read();
    if (chunk !== null) this.#transport.push(chunk);
  }

  send(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      // The stream may hand it on, and keep it for as long as it likes.
      this.#duplex.write(
        copyOf(bytes),
        (error) => error ? reject(error) : resolve(),
      );
    });
  }

  end(): Promise<void> {
    return new Promise((resolve) => void this.#duplex.end(resolve));
  }

  close(gracefully: boolean): void {
    const destroy = () => void quietly(() => this.#duplex.destroy());
    if (gracefully && !this.#duplex.writableFinished) {
      // One that does not end must not stay for ever.
      const timer = setTimeout(destroy, CLOSE_MS);
      this.#duplex.end(() => {
        clearTimeout(timer);
        destroy();
      });
    } else {
      destroy();
    }
  }

  ref(): void {
    this.#duplex.ref?.();
  }

  unref(): void {
    this.#duplex.unref?.();
  }
}
