/**
 * Says commands on a connection and reads the replies, by the codec alone.
 *
 * @module
 */

import { connect, type Framed, framed, type Socket } from "@sluice/net";
import type { Batch, Command } from "../../../examples/redis/command.ts";
import type { Reply } from "../../../examples/redis/reply.ts";
import { respClient } from "../../../examples/redis/resp.ts";

/** One connection to a server. */
export class Speaker implements AsyncDisposable {
  readonly socket: Socket;
  readonly #connection: Framed<Reply, Batch | Command>;

  private constructor(socket: Socket) {
    this.socket = socket;
    this.#connection = framed(socket, respClient({ encoding: "latin1" }));
  }

  static async open(port: number): Promise<Speaker> {
    return new Speaker(await connect({ port }));
  }

  /** Says a command and gives its reply; of `NOTHING` the same as of `null`. */
  async say(...words: string[]): Promise<Reply> {
    await this.#connection.send(words);
    return await this.hear();
  }

  /** The next thing that the server says. */
  async hear(): Promise<Reply> {
    const reply = await this.#connection.receive({ timeoutMs: 20_000 });
    if (reply === null) throw new Error("The server has ended the connection");
    return reply;
  }

  /** Says commands, and nothing else, at once. */
  async sayAll(commands: string[][]): Promise<void> {
    await this.#connection.sendAll(commands);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.abort();
    await this.socket.closed.catch(() => {});
  }
}
