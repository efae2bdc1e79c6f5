/**
 * Servers that answer twice, out of order, what was not asked for, bytes without sense, or
 * nothing: every request ends in its own answer or in one typed error, in bounded time.
 */

import { assert, assertEquals, assertGreater } from "@std/assert";
import { framed, json, lines, Socket, SocketError } from "@sluice/net";
import { Requests, type RequestsOptions } from "@sluice/net/client";
import { fakeClock } from "@sluice/net/testing";
import { type Random, seededRandom } from "../../lib/_random.ts";
import { memoryTransportPair } from "../../lib/transport/memory.ts";

interface Message {
  id: number;
  text?: string;
  last?: boolean;
}

const codec = json<Message>(lines({ maxLineBytes: 200, atEof: "error" }));
const REQUESTS = 200;

const MODES: Record<string, RequestsOptions<Message, Message>> = {
  order: { match: "order", stallMs: 1_000 },
  "order, with pushes": {
    match: "order",
    stallMs: 1_000,
    isUnsolicited: ({ id }) => id < 0,
    onUnsolicited: () => {},
  },
  ids: { match: { request: ({ id }) => id, response: ({ id }) => id } },
  "ids, with pushes": {
    match: {
      request: ({ id }) => id,
      response: ({ id }) => id < 0 ? undefined : id,
    },
    onUnsolicited: () => {},
  },
};

/** Answers some requests as it should, and does everything that it should not. */
async function misbehave(socket: Socket, random: Random): Promise<void> {
  const connection = framed(socket, codec);
  const asked: number[] = [];
  try {
    while (true) {
      const message = await connection.receive({ timeoutMs: 5 })
        .catch((error) => {
          if (error.name !== "TimeoutError") throw error;
          return undefined;
        });
      if (message === null) break;
      if (message !== undefined) asked.push(message.id);
      const how = random();
      const at = Math.floor(random() * asked.length);
      const id = asked[how < 0.5 ? 0 : at];
      if (how < 0.7) {
        if (id === undefined) continue;
        asked.splice(asked.indexOf(id), 1);
        await connection.send({ id, text: `answer to ${id}`, last: true });
        if (random() < 0.02) {
          await connection.send({ id, text: "twice", last: true });
        }
      } else if (how < 0.75) {
        await connection.send({ id: -1, text: "pushed" });
      } else if (how < 0.755) {
        await connection.send({ id: 1e9, text: "not asked for", last: true });
      } else if (how < 0.757) {
        await socket.write(`no document ${random()}\n`);
      } else if (how < 0.758) {
        await socket.write("x".repeat(300));
      } else if (how < 0.759) {
        await socket.write('{"id": 5, "te');
        await socket.close();
        break;
      } else if (how < 0.76) {
        break;
      }
    }
  } catch {
    // The client has had enough.
  }
  // From here on it is silent, with everything unread.
}

for (const [name, options] of Object.entries(MODES)) {
  Deno.test(`Requests ends every request, whatever a server does (${name})`, {
    timeout: 60_000,
  }, async () => {
    using clock = fakeClock();
    let answers = 0;
    let errors = 0;
    for (let seed = 1; seed <= 40; seed++) {
      const random = seededRandom(seed);
      const [near, far] = memoryTransportPair({ seed });
      const socket = new Socket(far);
      const serving = misbehave(socket, random);
      const requests = new Requests(framed(new Socket(near), codec), options);

      const ask = async (id: number) => {
        const limits = random() < 0.3 || name.startsWith("ids")
          ? { timeoutMs: 1 + Math.floor(random() * 500) }
          : {};
        try {
          if (random() < 0.8) {
            const answer = await requests.request({ id }, limits);
            if (name.startsWith("ids")) assertEquals(answer.id, id);
          } else {
            const parts = requests.stream({ id }, {
              ...limits,
              maxUnread: 3,
              isLast: ({ last }) => last === true,
            });
            for await (const part of parts) {
              if (name.startsWith("ids")) assertEquals(part.id, id);
            }
          }
          answers++;
        } catch (error) {
          assert(error instanceof SocketError, `${error}`);
          errors++;
        }
      };

      const all = Promise.all(
        Array.from({ length: REQUESTS }, (_, id) => ask(id)),
      );
      let over = false;
      all.then(() => over = true, () => over = true);
      for (let i = 0; i < 2_000 && !over; i++) await clock.advance(10);
      assert(over, `with seed ${seed} some requests never ended`);
      await all;
      const { waiting, givenUp } = requests.stats;
      assertEquals(waiting, 0);
      assert(givenUp <= REQUESTS);
      requests.abort();
      socket.abort();
      await serving;
    }
    assertEquals(answers + errors, 40 * REQUESTS);
    assertGreater(answers, 100);
    assertGreater(errors, 100);
  });
}
