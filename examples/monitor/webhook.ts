/**
 * Tells another program of alerts: a `POST` for each, one at a time and in order.
 *
 * @module
 */

import { retry } from "@sluice/net";
import type { Alert } from "./monitor.ts";
import { formatAlert } from "./table.ts";

/** More alerts than this do not wait: the oldest are left out. */
const MOST_WAITING = 100;
/** Longest that one attempt may take. */
const ATTEMPT_MS = 5_000;

/** Where alerts go, until it is disposed of: then what waits is sent, if it can be. */
export class Webhook implements AsyncDisposable {
  readonly #url: URL;
  readonly #onLoss: (why: string) => void;
  readonly #waiting: Alert[] = [];
  readonly #end = new AbortController();
  #sending: Promise<void> | undefined;

  /**
   * @param url Takes `POST` requests with JSON; its `text` is what chat programs show.
   * @param onLoss Is told when an alert could not be delivered, and why.
   */
  constructor(url: URL, onLoss: (why: string) => void) {
    this.#url = url;
    this.#onLoss = onLoss;
  }

  /** Sends an alert, behind those that wait; never throws, and keeps no check waiting. */
  tell(alert: Alert): void {
    if (this.#waiting.push(alert) > MOST_WAITING) {
      this.#waiting.shift();
      this.#onLoss("too many alerts wait");
    }
    this.#sending ??= this.#send();
  }

  async #send(): Promise<void> {
    const { signal } = this.#end;
    for (let alert; (alert = this.#waiting.shift()) !== undefined;) {
      const body = JSON.stringify({ text: formatAlert(alert), ...alert });
      try {
        await retry(() => this.#post(body), {
          attempts: 3,
          minDelayMs: 500,
          signal,
        });
      } catch (error) {
        this.#onLoss((error as Error).message);
      }
    }
    this.#sending = undefined;
  }

  async #post(body: string): Promise<void> {
    const limit = AbortSignal.timeout(ATTEMPT_MS);
    const response = await fetch(this.#url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
      redirect: "manual", // To nothing that Deno was not asked about.
      signal: AbortSignal.any([limit, this.#end.signal]),
    });
    await response.body?.cancel();
    if (!response.ok) throw new Error(`it answered ${response.status}`);
  }

  /** Waits for what is under way, for five seconds at most. */
  async [Symbol.asyncDispose](): Promise<void> {
    const timer = setTimeout(
      () => this.#end.abort(new Error("the monitor has ended")),
      ATTEMPT_MS,
    );
    await this.#sending;
    clearTimeout(timer);
  }
}
