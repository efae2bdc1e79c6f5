/**
 * Hands messages to their subscribers, a bounded amount in each turn of the event loop:
 * a large message to many subscribers holds up neither the other clients nor the publisher.
 *
 * @module
 */

/** Bytes that are handed over in one turn. */
const TURN_BYTES = 1024 * 1024;

/** A client with messages to be sent. */
export interface Recipient {
  /** Sends the messages, without waiting: how many bytes. */
  deliver(): number;
}

/** The recipients whose turn has not come. */
export class Outbox {
  readonly #recipients = new Set<Recipient>();
  #bytes = 0;
  #turn: PromiseWithResolvers<void> | undefined;

  /** The end of what is waiting for its turn; undefined if nothing is. */
  get emptied(): Promise<void> | undefined {
    return this.#turn?.promise;
  }

  /** A recipient has messages: they are sent now, or when it is its turn. */
  add(recipient: Recipient): void {
    this.#recipients.add(recipient);
    if (this.#turn === undefined) this.#run();
  }

  #run(): void {
    for (const recipient of this.#recipients) {
      this.#recipients.delete(recipient);
      this.#bytes += recipient.deliver();
      if (this.#bytes < TURN_BYTES) continue;
      this.#turn ??= Promise.withResolvers();
      setImmediate(() => {
        this.#bytes = 0;
        this.#run();
      });
      return;
    }
    this.#turn?.resolve();
    this.#turn = undefined;
  }
}
