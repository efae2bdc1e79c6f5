import { assertEquals } from "@std/assert";
import { framed, lines, Socket } from "@sluice/net";
import { Hub } from "@sluice/net/hub";
import { seededRandom } from "../../lib/_random.ts";
import { spendUnit } from "../../lib/socket/io_budget.ts";
import { turn } from "../_support/sockets.ts";

/** A transport of the system's kind, as far as a socket can see, which writes when it is told. */
class SlowTransport {
  readonly localAddr = {
    transport: "tcp",
    hostname: "127.0.0.1",
    port: 1,
  } as const;
  readonly remoteAddr = {
    transport: "tcp",
    hostname: "127.0.0.1",
    port: 2,
  } as const;
  written = "";
  #release: (() => void) | undefined;
  #read: ((isLast: boolean) => void) | undefined;

  read(target: Uint8Array): Promise<number | null> {
    return new Promise((resolve) => {
      this.#read = (isLast) => {
        if (isLast) return resolve(null);
        target[0] = 0x0a;
        resolve(1);
      };
    });
  }

  /** A line comes for the reader, if it waits, or the end. */
  deliver(isLast = false): void {
    this.#read?.(isLast);
    this.#read = undefined;
  }

  async write(bytes: Uint8Array): Promise<number> {
    const text = new TextDecoder().decode(bytes);
    await new Promise<void>((resolve) => this.#release = resolve);
    this.written += text;
    return bytes.length;
  }

  /** Lets the write that is under way, if any, end. */
  release(): void {
    this.#release?.();
    this.#release = undefined;
  }

  closeWrite(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    this.deliver(true);
  }
}

Deno.test("a member gets all frames, however its batches leave while others have their turn", async () => {
  for (let seed = 1; seed <= 15; seed++) {
    const random = seededRandom(seed);
    const transport = new SlowTransport();
    const socket = new Socket(transport);
    const connection = framed(socket, lines());
    const hub = new Hub(lines());
    hub.join("topic", connection);
    const reading = (async () => {
      for await (const _ of connection);
    })();
    let expected = 0;
    for (let step = 0; step < 60; step++) {
      const what = Math.floor(random() * 7);
      if (what === 0) { while (spendUnit()); }
      else if (what === 1) transport.release();
      else if (what === 2) void hub.publish("topic", `${expected++}`);
      else if (what === 3) void connection.send(`${expected++}`);
      // A reader that is about to wait sends what there is.
      else if (what === 4) transport.deliver();
      else if (what === 5) await turn();
      else await Promise.resolve();
    }
    const count = () => transport.written.split("\n").length - 1;
    for (let i = 0; i < 1_000 && count() < expected; i++) {
      transport.release();
      await turn();
    }
    assertEquals(count(), expected, `seed ${seed}`);
    socket.abort();
    await reading.catch(() => {});
  }
});
