/**
 * One client's life, from the moment in which it was let in to its accounting.
 *
 * The server owns the client, and through it whatever the client's connection is now:
 * a transport while TLS shakes hands, then a socket, which stays the same when a
 * handler starts TLS on it.
 *
 * @module
 */

import type { Addr } from "../addr.ts";
import type { ClosedError } from "../errors.ts";
import type { SocketOptions } from "../socket/options.ts";
import { halvesOf, Socket } from "../socket/socket.ts";
import { closeQuietly } from "../transport/close_quietly.ts";
import type { AcceptedTransport } from "../transport/options.ts";
import { type AgeLimits, ConnectionAge } from "./_connection_age.ts";
import { performHandshake } from "./_handshake.ts";
import type { ProxyGate } from "./_proxy_gate.ts";
import type { RejectionReason, ServerEvent } from "./events.ts";
import type { Handler, ServeContext } from "./serve_options.ts";

/**
 * ```text
 *          PROXY header, TLS        handler returns           sent, and peer ended
 *  let in ----> handshake --> handling -----------> closing -------------------> over
 *                 |             |                    |                          ^
 *                 +-------------+--------------------+--------------------------+
 *                   it fails      it throws            it fails; or cut: any stage
 * ```
 *
 * | stage | what runs | the drain begins | the time of the drain is over | in the report |
 * | --- | --- | --- | --- | --- |
 * | handshake | a proxy's header, then TLS of the listener | cut | | `handshakes` |
 * | handling | the handler | `context.signal` aborts; frames end between two of them; a TLS handshake has a second | cut | `completed`, or `aborted` if cut |
 * | closing | what was written leaves, then the peer ends its side | once all has left, the peer has a second | cut | `completed`, or `aborted` if cut before all had left |
 * | over | nothing | | | |
 */
type Stage = "handshake" | "handling" | "closing" | "over";

/** How a client ended, as a drain reports it. */
export type Outcome = "completed" | "aborted" | "handshakes";

/** What a client needs from its server, and reports to it. */
export interface ClientOwner {
  readonly handler: Handler;
  /** What has begun to drain, when it aborts. */
  readonly context: Pick<ServeContext, "signal">;
  /** How old connections may become; `undefined` for no limit. */
  readonly ageLimits: AgeLimits | undefined;
  readonly socketOptions: SocketOptions;
  readonly handshakeTimeoutMs: number | undefined;
  emit(event: ServerEvent): void;
  /** Reads PROXY headers, where the server is behind proxies. */
  readonly proxies: ProxyGate | undefined;
  /** A proxy has said where a client comes from. If there is a reason, it has to leave. */
  identify(client: Client): RejectionReason | undefined;
  /** The handler is about to start. */
  onHandling(): void;
  /** The handler threw. */
  onFailure(error: unknown, client: Client): void;
  /** It is over. Called once. */
  onEnd(client: Client, outcome: Outcome): void;
}

/** A client that was let in. */
export class Client {
  /** No other connection of the server has it, or will. */
  readonly id: number;
  /** Under which address it was let in; `undefined` until a proxy has said where it is. */
  admittedAs: Addr | undefined;
  #transport: AcceptedTransport;
  #remoteAddr: Addr;
  readonly #owner: ClientOwner;
  #stage: Stage = "handshake";
  #socket: Socket | undefined;
  #age: ConnectionAge | undefined;

  /**
   * @param remoteAddr That of the transport.
   * @param isProxied Whether a PROXY header comes first.
   */
  constructor(
    id: number,
    transport: AcceptedTransport,
    remoteAddr: Addr,
    owner: ClientOwner,
    isProxied: boolean,
  ) {
    this.id = id;
    this.admittedAs = isProxied ? undefined : remoteAddr;
    this.#transport = transport;
    this.#remoteAddr = remoteAddr;
    this.#owner = owner;
  }

  get stage(): Stage {
    return this.#stage;
  }

  /** The socket, once the handshake is done. */
  get socket(): Socket | undefined {
    return this.#socket;
  }

  /**
   * The peer's address, or the client's once a proxy has said it. Where a transport of the
   * user's fails to say it, the last one that is known.
   */
  get remoteAddr(): Addr {
    try {
      this.#remoteAddr = this.#transport.remoteAddr;
    } catch {
      // The client's end must not fail by it.
    }
    return this.#remoteAddr;
  }

  start(): void {
    const { proxies } = this.#owner;
    if (proxies === undefined) this.#secure();
    else if (this.admittedAs === undefined) this.#readHeader(proxies);
    else this.#secureAbove(proxies);
  }

  async #readHeader(proxies: ProxyGate): Promise<void> {
    const { context: { signal } } = this.#owner;
    const { remoteAddr } = this;
    try {
      await proxies.read(this.#transport, signal);
    } catch (error) {
      return this.#refuse({ type: "proxy-failed", error, remoteAddr });
    }
    // The drain may have begun in the tick in which the header was read.
    if (signal.aborted) {
      const { reason: error } = signal;
      return this.#refuse({ type: "proxy-failed", error, remoteAddr });
    }
    const reason = this.#owner.identify(this);
    if (reason !== undefined) {
      const { remoteAddr } = this;
      return this.#refuse({ type: "rejected", reason, remoteAddr });
    }
    this.#secureAbove(proxies);
  }

  /** TLS, if any, begins above the header. */
  async #secureAbove({ secure }: ProxyGate): Promise<void> {
    const { remoteAddr } = this;
    try {
      if (secure !== undefined) this.#transport = await secure(this.#transport);
    } catch (error) {
      return this.#refuse({ type: "tls-failed", error, remoteAddr });
    }
    this.#secure();
  }

  #secure(): void {
    let isPlain: boolean;
    try {
      isPlain = this.#transport.handshake === undefined;
    } catch (error) {
      return this.#refuseTransport(error);
    }
    if (isPlain) this.#handle();
    else this.#performHandshake();
  }

  async #performHandshake(): Promise<void> {
    const { handshakeTimeoutMs, context: { signal } } = this.#owner;
    const transport = this.#transport;
    let alpnProtocol: string | null;
    try {
      alpnProtocol = await performHandshake(
        transport,
        handshakeTimeoutMs,
        signal,
      );
    } catch (error) {
      return this.#refuseTls(error);
    }
    const { remoteAddr } = this;
    if (!signal.aborted) {
      this.#owner.emit({ type: "tls", remoteAddr, alpnProtocol });
    }
    // The drain may have begun in the tick in which it was done, or by the hook.
    if (signal.aborted) this.#refuseTls(signal.reason);
    else this.#handle();
  }

  #refuseTls(error: unknown): void {
    const { remoteAddr } = this;
    this.#refuse({ type: "tls-failed", error, remoteAddr });
  }

  /** A transport of the user's fails where it is only looked at. */
  #refuseTransport(error: unknown): void {
    this.#refuse({ type: "accept-error", error, retryMs: 0 });
  }

  /** Ends a client before its handler could start. */
  #refuse(event: ServerEvent): void {
    closeQuietly(this.#transport);
    this.#owner.emit(event);
    this.#end("handshakes");
  }

  #handle(): void {
    const { handler, socketOptions, ageLimits, context } = this.#owner;
    let socket: Socket;
    try {
      socket = new Socket(this.#transport, socketOptions);
    } catch (error) {
      return this.#refuseTransport(error);
    }
    this.#socket = socket;
    this.#stage = "handling";
    this.#owner.onHandling();
    this.#owner.emit({ type: "accepted", id: this.id, socket });
    // The hook may have ended the socket, or the server; or closes it, which takes a while.
    if (!halvesOf(socket).isOpen) return void this.#close();
    // Or the drain has begun by it, which has limits of its own.
    if (ageLimits !== undefined && !context.signal.aborted) {
      this.#age = new ConnectionAge(
        ageLimits,
        () => halvesOf(socket).drain(),
        (reason) => this.cut(reason),
      );
    }
    const signal = this.#age?.signal ?? context.signal;
    try {
      const handled = Promise.resolve(handler(socket, { id: this.id, signal }));
      // What waits for each idle client should be little: one function for any outcome.
      const settle = () => this.#settle(handled);
      handled.then(settle, settle);
    } catch (error) {
      this.#fail(error);
    }
  }

  #settle(handled: Promise<unknown>): void {
    handled.then(() => this.#close(), (error) => this.#fail(error));
  }

  async #close(): Promise<void> {
    if (this.#stage !== "handling") return;
    this.#stage = "closing";
    try {
      await this.#socket![Symbol.asyncDispose]();
    } catch (error) {
      return this.#fail(error);
    }
    this.#end("completed");
  }

  /** Also where it was cut before: what its handler throws then is reported, too. */
  #fail(error: unknown): void {
    const socket = this.#socket!;
    socket.abort(error);
    this.#owner.onFailure(error, this);
    const { isHandshakeCut } = halvesOf(socket);
    this.#end(isHandshakeCut ? "handshakes" : "completed");
  }

  #end(outcome: Outcome): void {
    if (this.#stage === "over") return;
    this.#stage = "over";
    this.#age?.dispose();
    this.#owner.onEnd(this, outcome);
  }

  /** The drain has begun. A handshake ends by itself: it waits for `context.signal`. */
  drain(): void {
    this.#age?.abort(this.#owner.context.signal.reason);
    if (this.#socket !== undefined) halvesOf(this.#socket).drain();
  }

  /** The time of the drain is over. */
  cut(reason: ClosedError): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    const { isClosing, writer } = halvesOf(socket);
    const isSent = isClosing && writer.pendingBytes === 0;
    socket.abort(reason);
    this.#end(isSent ? "completed" : "aborted");
  }
}
