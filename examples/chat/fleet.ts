/**
 * The other servers of a chat.
 *
 * Each tells all others what happens on it, over an engine of `@sluice/net/hub`: the
 * workers of one machine, or NATS. A hub could carry the lines from server to server by
 * itself; but each server remembers what was said, so it looks at all that passes.
 *
 * @module
 */

import type { Engine, EngineSubscription } from "@sluice/net/hub";
import type { Chat } from "./chat.ts";
import { type Message, parseMessage } from "./events.ts";
import { newPublisher } from "./position.ts";

/** What all servers of a chat listen to. */
const TOPIC = "chat";
/** Each says so often that it is there. */
const STATE_MS = 2_000;
/** One that was silent for so long is lost. */
const LOST_MS = 3 * STATE_MS + 500;
/** Servers of one chat. */
const MAX_SERVERS = 1_000;

/** The link to them. */
export class Fleet implements Disposable {
  readonly #server = newPublisher();
  readonly #engine: Engine;
  /** When each was last heard of. */
  readonly #others = new Map<string, number>();
  #chat: Chat | undefined;
  #subscription: EngineSubscription | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #timerAt = Date.now();
  /** Whether a server that has been started waits for an answer, and when one was given. */
  #isAsked = false;
  #answeredAt = 0;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Begins to hear the others; resolves when they hear of this server, too. */
  async start(chat: Chat): Promise<void> {
    this.#chat = chat;
    this.#subscription = this.#engine.subscribe(
      TOPIC,
      (data) => this.#onMessage(data),
      {
        onGap: ({ reason, count }) => {
          // Numbers that are missing are noticed by themselves.
          if (count !== undefined || reason === "restarted") return;
          chat.announce("lines of other servers may be missing here");
        },
      },
    );
    await this.#subscription.ready;
    this.tell({ type: "hello" });
    this.tell(chat.state);
    this.#timerAt = Date.now();
    this.#timer = setInterval(() => this.#onTimer(), STATE_MS);
  }

  /** Tells the others. What cannot be sent now is missing there, and noticed. */
  readonly tell = (message: Message): void => {
    const text = JSON.stringify({ server: this.#server, message });
    this.#engine.publish(TOPIC, new TextEncoder().encode(text)).catch(() => {});
  };

  #onMessage(data: Uint8Array): void {
    const parsed = parseMessage(data);
    const chat = this.#chat;
    if (parsed === undefined || chat === undefined) return;
    const { server, message } = parsed;
    // Some engines carry what was sent back to its sender.
    if (server === this.#server) return;
    if (message.type === "bye") {
      this.#others.delete(server);
      return chat.forgetServer(server);
    }
    if (!this.#others.has(server) && this.#others.size >= MAX_SERVERS) return;
    this.#others.set(server, Date.now());
    if (message.type !== "hello") return chat.hear(server, message);
    this.#isAsked = true;
    // Many may be started at once: all of them hear one answer.
    if (Date.now() - this.#answeredAt >= STATE_MS) this.#answer();
  }

  /** For a server that has been started. */
  #answer(): void {
    this.#isAsked = false;
    this.#answeredAt = Date.now();
    for (const memory of this.#chat!.memories) this.tell(memory);
    this.tell(this.#chat!.state);
  }

  #onTimer(): void {
    if (this.#isAsked) this.#answer();
    else this.tell(this.#chat!.state);
    const now = Date.now();
    const isLate = now - this.#timerAt > 2 * STATE_MS;
    this.#timerAt = now;
    // This process was stopped: what the others sent meanwhile is yet to be read.
    if (isLate) return;
    for (const [server, heardAt] of this.#others) {
      if (now - heardAt < LOST_MS) continue;
      this.#others.delete(server);
      this.#chat!.loseServer(server);
    }
  }

  /** Says good-bye, and hears no more. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    if (this.#chat !== undefined) this.tell({ type: "bye" });
    this.#subscription?.close();
  }
}
