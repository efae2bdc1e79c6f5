import type { Socket } from "@sluice/net";

/** Greets every client with the number of clients that are there. */
export class Lobby {
  #here = 0;

  /** How many clients are there. */
  get here(): number {
    return this.#here;
  }

  /** The handler of one client. */
  async handle(socket: Socket): Promise<void> {
    this.#here++;
    try {
      await socket.write(`you are number ${this.#here}\n`);
      while (await socket.readLine() !== null);
    } finally {
      this.#here--;
    }
  }
}
