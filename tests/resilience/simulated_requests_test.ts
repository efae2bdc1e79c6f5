/**
 * Requests on a connection that is slow, cut and crashed: no caller gets the answer of
 * another one, and what is said not to have been sent has not been.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import {
  framed,
  json,
  lines,
  MalformedFrameError,
  SocketError,
} from "@sluice/net";
import { Requests, type RequestsOptions } from "@sluice/net/client";
import { type HostProcess, simulate, type World } from "@sluice/net/testing";
import { chaos, FIRST_SEED } from "./_chaos.ts";

interface Message {
  id: number;
  /** Not part of what is matched, so that a mix-up shows. */
  text: string;
}

const codec = json<Message>(lines());

/** Pushed by the server, and answers no request. */
const PUSH = -1;

/** Answers in order or in any, after a while; pushes messages in between. */
function server(ordered: boolean, seen: Set<string>) {
  return (host: HostProcess) =>
    void host.serve(async (socket) => {
      const connection = framed(socket, codec);
      const answer = async ({ id, text }: Message) => {
        await host.sleep(Math.random() * 200);
        if (Math.random() < 0.2) {
          await connection.send({ id: PUSH, text: "news" });
        }
        await connection.send({ id, text: text.toUpperCase() });
      };
      for await (const message of connection) {
        seen.add(message.text);
        const answering = answer(message);
        if (ordered) await answering;
        // The connection broke, which ends the loop as well.
        else answering.catch(() => {});
      }
    });
}

async function scenario(world: World, ordered: boolean): Promise<number> {
  const seen = new Set<string>();
  world.host("server").run(server(ordered, seen));
  const happening = chaos(world, ["server"], { forMs: 5_000 });
  const options: RequestsOptions<Message, Message> = {
    match: ordered
      ? "order"
      : { request: ({ id }) => id, response: ({ id }) => id },
    isUnsolicited: ({ id }) => id === PUSH,
    onUnsolicited: ({ text }) => assertEquals(text, "news"),
    maxInFlight: world.integer(1, 20),
    ...ordered ? { stallMs: world.integer(500, 5_000) } : {},
  };
  let answered = 0;
  let number = 0;
  const ask = async (requests: Requests<Message>) => {
    const id = number++;
    const text = `request ${id}`;
    const abort = new AbortController();
    const limits = world.pick([
      {},
      { timeoutMs: world.integer(1, 300) },
      { signal: abort.signal },
    ]);
    const aborting = world.sleep(world.integer(1, 300))
      .then(() => abort.abort());
    try {
      const answer = await requests.request({ id, text }, limits);
      assertEquals(answer, { id, text: text.toUpperCase() });
      answered++;
    } catch (error) {
      assert(error instanceof SocketError, `${error}`);
      assert(!(error instanceof MalformedFrameError), error.message);
      const { sent } = error as SocketError & { sent?: boolean };
      assertEquals(typeof sent, "boolean", error.message);
      if (sent === false) unsent.add(text);
    }
    await aborting;
  };
  const unsent = new Set<string>();
  for (let connections = 0; connections < 6; connections++) {
    try {
      // Of the process, as it may be cut off for longer than it is waited for.
      const client = world.host("client").process;
      const socket = await client.connect({ name: "server", timeoutMs: 1_000 });
      await using requests = new Requests(framed(socket, codec), options);
      await Promise.all(Array.from({ length: 15 }, async () => {
        await world.sleep(world.integer(0, 1_000));
        await ask(requests);
      }));
      assertEquals(requests.stats.waiting, 0);
      await requests.close({ timeoutMs: 1_000 });
    } catch (error) {
      if (!(error instanceof SocketError)) throw error;
    }
  }
  await happening;
  await world.sleep(10_000);
  for (const text of unsent) assert(!seen.has(text), `${text} was sent`);
  return answered;
}

for (const ordered of [true, false]) {
  const how = ordered ? "by their order" : "by their ids";
  Deno.test(`simulated requests matched ${how} get their own answers or none`, async () => {
    let answered = 0;
    await simulate({ seed: FIRST_SEED, seeds: 1_000 }, async (world) => {
      answered += await scenario(world, ordered);
    });
    assert(answered > 1_000, `${answered}`);
  });
}
