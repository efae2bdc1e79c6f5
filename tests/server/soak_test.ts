/**
 * Thousands of connections with seeded misfortune: nothing leaks, and counts add up.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { lengthPrefixed } from "../../lib/codec/length_prefixed.ts";
import { FrameTooLargeError, SocketError } from "../../lib/errors.ts";
import { framed } from "../../lib/framed/framed.ts";
import type { ServerEvent } from "../../lib/server/events.ts";
import { serve, type Server } from "../../lib/server/serve.ts";
import type { ServeOptions } from "../../lib/server/serve_options.ts";
import { connect } from "../../lib/socket/connect.ts";
import type { Socket } from "../../lib/socket/socket.ts";
import { memoryNetwork } from "../../lib/testing/memory_network.ts";
import { connectRudely } from "../_support/rude_client.ts";
import { bytes } from "../_support/sockets.ts";
import { seededRandom } from "../time/_fake_time.ts";
import { until } from "./_clients.ts";

const AT_ONCE = 50;
const codec = lengthPrefixed({ maxFrameBytes: 4_096 });

async function echo(socket: Socket): Promise<void> {
  const connection = framed(socket, codec);
  for await (const frame of connection) await connection.send(frame);
}

/** What a client does with its connection; resolves when it has done so. */
const CLIENTS = {
  /** Sends frames, checks what comes back, and says goodbye. */
  async good(socket, random) {
    await using connection = framed(socket, codec);
    const frames = Array.from(
      { length: 1 + Math.floor(random() * 8) },
      (_, i) => bytes(Math.floor(random() * 500), i),
    );
    const sending = connection.sendAll(frames);
    for (const frame of frames) assertEquals(await connection.receive(), frame);
    await sending;
  },
  /** Ends its side at once, and reads to the end of the other. */
  async halfClose(socket) {
    await socket.closeWrite();
    assertEquals(await socket.read(), null);
    await socket.close();
  },
  /** Leaves while its answers are on their way. */
  async leave(socket) {
    await framed(socket, codec).sendAll([bytes(500), bytes(500)]);
    await socket.flush();
    socket.abort();
  },
  /** Leaves in the middle of a frame. */
  async truncate(socket) {
    await socket.write(new Uint8Array([0, 0, 1, 0, 7]));
    await socket.close();
  },
  /** Claims a frame that is far too large. */
  async oversize(socket) {
    await socket.write(new Uint8Array([255, 255, 255, 255]));
    assertEquals(await socket.read(), null);
    await socket.close();
  },
  /** Says nothing. */
  silent(socket) {
    socket.abort();
  },
} satisfies Record<
  string,
  (socket: Socket, random: () => number) => void | Promise<void>
>;

type Kind = keyof typeof CLIENTS;
const KINDS = Object.keys(CLIENTS) as Kind[];

interface Tally {
  done: Record<Kind, number>;
  /** Clients that the network kept from it. */
  broken: number;
}

async function run(
  count: number,
  seed: number,
  dial: (number: number) => Promise<Socket>,
): Promise<Tally> {
  const random = seededRandom(seed);
  const tally: Tally = {
    done: Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Tally["done"],
    broken: 0,
  };
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const number = next++;
      const kind = random() < 0.5
        ? "good"
        : KINDS[Math.floor(random() * KINDS.length)];
      const socket = await dial(number);
      try {
        await CLIENTS[kind](socket, random);
        tally.done[kind]++;
      } catch (error) {
        if (!(error instanceof SocketError)) throw error;
        tally.broken++;
      } finally {
        socket.abort();
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return tally;
}

/** Counts what a server says of itself, and compares it with its stats at the end. */
class Ledger {
  readonly events: Record<string, number> = {};
  readonly errors: unknown[] = [];
  bytesRead = 0;
  bytesWritten = 0;
  readonly hooks: Pick<ServeOptions, "onEvent" | "onError"> = {
    onEvent: (event: ServerEvent) => {
      this.events[event.type] = (this.events[event.type] ?? 0) + 1;
      if (event.type !== "closed") return;
      this.bytesRead += event.bytesRead;
      this.bytesWritten += event.bytesWritten;
    },
    onError: (error) => void this.errors.push(error),
  };

  async balance(server: Server, clients: number): Promise<void> {
    await until(() => server.stats.active === 0);
    assertEquals(await server.shutdown(), {
      completed: 0,
      aborted: 0,
      handshakes: 0,
    });
    const { accepted, failed, bytesRead, bytesWritten } = server.stats;
    const { events, errors } = this;
    assertEquals(accepted, clients);
    assertEquals([events.accepted, events.closed], [clients, clients]);
    assertEquals([errors.length, events.error ?? 0], [failed, failed]);
    assertEquals([bytesRead, bytesWritten], [
      this.bytesRead,
      this.bytesWritten,
    ]);
    for (const error of errors) {
      assert(error instanceof SocketError, `${error}`);
    }
  }
}

Deno.test("1,500 connections over a network that resets: counts add up", {
  timeout: 30_000,
}, async () => {
  const ledger = new Ledger();
  using network = memoryNetwork({ seed: 5, resetRate: 0.02 });
  const server = network.serve({ name: "echo", ...ledger.hooks }, echo);
  const count = 1_500;
  const { done, broken } = await run(
    count,
    5,
    () => network.connect({ name: "echo" }),
  );
  await ledger.balance(server, count);
  assertEquals(Object.values(done).reduce((a, b) => a + b) + broken, count);
  assert(broken > 10 && done.good > 100, JSON.stringify({ done, broken }));
});

Deno.test("500 connections over TCP, good and bad: no good one comes to harm", {
  timeout: 30_000,
}, async () => {
  const ledger = new Ledger();
  const server = serve({ port: 0, ...ledger.hooks }, echo);
  const port = server.addr.port;
  const count = 480;
  const { done, broken } = await run(count, 6, () => connect({ port }));
  const rude = 20;
  for (let i = 0; i < rude; i++) {
    const client = await connectRudely(port);
    await until(() => server.stats.accepted > count + i);
    await client.reset();
  }
  await ledger.balance(server, count + rude);
  // Nothing but the clients' own doing went wrong.
  assertEquals(broken, 0);
  assertEquals(Object.values(done).reduce((a, b) => a + b), count);
  const tooLarge = ledger.errors.filter((error) =>
    error instanceof FrameTooLargeError
  );
  assertEquals(tooLarge.length, done.oversize);
});
