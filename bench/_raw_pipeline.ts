/**
 * The baseline of `Requests`: pipelining as a careful user writes it on `Deno.Conn` alone,
 * for answers of a fixed size. It has no limits and no errors.
 *
 * @module
 */

import { writeAll } from "./_raw.ts";

/** Sends what is asked in one turn together, and gives answers in their order. */
export class RawPipeline {
  readonly #conn: Deno.Conn;
  readonly #answerBytes: number;
  readonly #callers: ((answer: Uint8Array) => void)[] = [];
  #next = 0;
  #filling = new Uint8Array(64 * 1024);
  #spare = new Uint8Array(64 * 1024);
  #filled = 0;
  #flushing = false;

  constructor(conn: Deno.Conn, answerBytes: number) {
    this.#conn = conn;
    this.#answerBytes = answerBytes;
    this.#read();
  }

  request(frame: Uint8Array): Promise<Uint8Array> {
    this.#filling.set(frame, this.#filled);
    this.#filled += frame.length;
    if (!this.#flushing) {
      this.#flushing = true;
      queueMicrotask(() => this.#flush());
    }
    return new Promise((resolve) => this.#callers.push(resolve));
  }

  async #flush(): Promise<void> {
    while (this.#filled > 0) {
      const bytes = this.#filling.subarray(0, this.#filled);
      [this.#filling, this.#spare] = [this.#spare, this.#filling];
      this.#filled = 0;
      await writeAll(this.#conn, bytes);
    }
    this.#flushing = false;
  }

  async #read(): Promise<void> {
    let rest = new Uint8Array(0);
    while (true) {
      const chunk = new Uint8Array(64 * 1024);
      chunk.set(rest);
      const count = await this.#conn.read(chunk.subarray(rest.length));
      if (count === null) return;
      const end = rest.length + count;
      let at = 0;
      for (; at + this.#answerBytes <= end; at += this.#answerBytes) {
        this.#callers[this.#next++](chunk.subarray(at, at + this.#answerBytes));
      }
      this.#callers.splice(0, this.#next);
      this.#next = 0;
      rest = chunk.subarray(at, end);
    }
  }
}
