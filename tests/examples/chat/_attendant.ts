/**
 * A member of a chat that comes back after a loss, as `client.ts` does, and keeps account of
 * what it hears.
 *
 * @module
 */

import {
  BrokenError,
  type Framed,
  framed,
  lines,
  type Socket,
  SocketError,
} from "@sluice/net";
import { reconnect, type ReconnectingSession } from "@sluice/net/client";
import { Session } from "../../../examples/chat/session.ts";

/** One of many; disposing of it leaves. */
export class Attendant implements AsyncDisposable {
  readonly name: string;
  /** What others said, in order. */
  readonly heard: string[] = [];
  /** Notices. */
  readonly notices: string[] = [];
  /** How often it came in. */
  entered = 0;
  readonly #session: Session;
  readonly #link: ReconnectingSession<Socket, void>;
  #connection: Framed<string> | undefined;
  /** Something was heard, by any of them. */
  static #news = Promise.withResolvers<void>();
  #left = false;

  constructor(port: number, name: string) {
    this.name = name;
    this.#session = new Session({ name });
    this.#link = reconnect({
      port,
      closeTimeoutMs: 1_000,
      endOnReturn: "always",
      retry: {
        minDelayMs: 20,
        maxDelayMs: 500,
        retryIf: (error) => !this.#left && error instanceof SocketError,
      },
    }, (socket) => this.#attend(socket));
  }

  async #attend(socket: Socket): Promise<void> {
    const connection = this.#connection = framed(socket, lines());
    await connection.sendAll(this.#session.greeting());
    for await (const line of connection) {
      if (line.startsWith("=at ")) this.entered++;
      for (const { text } of this.#session.hear(line)) {
        (text.startsWith("* ") ? this.notices : this.heard).push(text);
      }
      if (line.startsWith(`=said `) && line.includes(` ${this.name}: `)) {
        this.echoes++;
      }
      Attendant.#news.resolve();
      Attendant.#news = Promise.withResolvers();
    }
    if (this.#left) return;
    throw new BrokenError("reset", "the server ended the connection");
  }

  /** Lines of its own that a server has confirmed. */
  echoes = 0;

  /** Says something, which a connection that is lost may lose. */
  async say(text: string): Promise<void> {
    await this.#link.connected({ timeoutMs: 30_000 });
    this.#session.sent(text);
    await this.#connection?.send(text).catch(() => {});
  }

  /** Says something until a server confirms it, in other words each time. */
  async sayForSure(text: string): Promise<string> {
    for (let i = 1;; i++) {
      const { echoes, entered } = this;
      await this.say(`${text} ${i}`);
      await this.until(
        "an answer",
        () => this.echoes > echoes || this.entered > entered,
      );
      if (this.echoes > echoes) return `${this.name}: ${text} ${i}`;
    }
  }

  /** Waits until something holds. */
  async until(what: string, holds: () => boolean): Promise<void> {
    const timer = AbortSignal.timeout(30_000);
    const over = new Promise<void>((resolve) =>
      timer.addEventListener("abort", () => resolve(), { once: true })
    );
    while (!holds()) {
      await Promise.race([Attendant.#news.promise, over]);
      if (!timer.aborted) continue;
      throw new Error(
        `${this.name} waits for ${what}; it has heard ${
          this.heard.slice(-3).join(" | ")
        } and was told ${this.notices.slice(-3).join(" | ")}`,
      );
    }
  }

  /** Lines that it was told are missing. */
  get missing(): number {
    return this.notices.reduce((sum, notice) => {
      const [, count = 0] = /^\* (\d+) lines are missing/.exec(notice) ?? [];
      return sum + Number(count);
    }, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#left = true;
    await this.#link.close({ timeoutMs: 2_000 });
  }
}
