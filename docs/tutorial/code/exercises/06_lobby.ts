import type { Socket } from "@sluice/net";

/** Greets every client with the number of clients that are there. */
export class Lobby {
  #here = 0;

  /** How many clients are there. */
  get here(): number {
    return this.#here;
  }

  /**
   * The handler of one client: sends a line such as `you are number 2`, then reads lines
   * until the client goes. A client that has gone must not count, however it went.
   */
  async handle(socket: Socket): Promise<void> {
    // Your turn: this forgets clients whose connection breaks.
    this.#here++;
    await socket.write(`you are number ${this.#here}\n`);
    while (await socket.readLine() !== null);
    this.#here--;
  }
}
