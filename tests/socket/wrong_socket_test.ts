/**
 * What is given in place of a socket: a connection of Deno's, nothing, or a Proxy, which passes
 * for what it stands for and has none of its private state.
 *
 * @module
 */

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { BrokenError, framed, lines, relay, type Socket } from "@sluice/net";
import { toDuplex } from "@sluice/net/adapters";
import { heartbeat, Pool, reconnect, Requests } from "@sluice/net/client";
import { capture, memoryPair } from "@sluice/net/testing";
import { tcpConns, TIMEOUT, turn } from "../_support/sockets.ts";

Deno.test(
  "what is no socket is refused by name, with what to do",
  TIMEOUT,
  async () => {
    const conns = await tcpConns();
    const [left, right] = memoryPair();
    const wrong: [unknown, string][] = [
      [
        undefined,
        "must be a Socket (new Socket(conn) makes one of a connection), got undefined",
      ],
      [
        null,
        "must be a Socket (new Socket(conn) makes one of a connection), got null",
      ],
      [{}, "got an object"],
      [conns[0], "(new Socket(conn) makes one of a connection), got a TcpConn"],
      [
        new Proxy(left, {}),
        "must be a Socket itself, and no Proxy of one, got a Socket",
      ],
      [
        Object.create(left),
        "must be a Socket itself, and no Proxy of one, got a Socket",
      ],
    ];
    for (const [value, text] of wrong) {
      const socket = value as Socket;
      assertThrows(() => framed(socket, lines()), TypeError, text);
      assertThrows(() => toDuplex(socket), TypeError, text);
      assertThrows(
        () => capture(socket, new WritableStream()),
        TypeError,
        text,
      );
      await assertRejects(() => relay(socket, right), TypeError, text);
      await assertRejects(() => relay(right, socket), TypeError, text);
    }
    const frames = framed(left, lines());
    for (const value of [undefined, left, {}, new Proxy(frames, {})]) {
      const text = "framed must be a Framed, got";
      const wrong = value as typeof frames;
      assertThrows(
        () => new Requests(wrong, { match: "order" }),
        TypeError,
        text,
      );
      assertThrows(() => heartbeat(wrong, { ping: () => "" }), TypeError, text);
    }
    await right.write("still here\n");
    assertEquals(await frames.receive(), "still here");
    for (const each of [left, right]) each.abort();
    for (const each of conns) each.close();
  },
);

Deno.test("a pool and reconnect() bear a Proxy of a socket, of which they know less", async () => {
  const ends: Socket[] = [];
  const open = () => {
    const pair = memoryPair();
    ends.push(...pair);
    void pair[1].closeWrite();
    const [socket] = pair;
    return new Proxy(socket, {
      get: (_, name) => {
        const value = Reflect.get(socket, name, socket);
        return typeof value === "function" ? value.bind(socket) : value;
      },
    });
  };
  {
    await using pool = new Pool({ open, idleMs: 60_000 });
    await pool.use((socket) => socket.write("x"));
    // After that an idle socket would be watched.
    await new Promise((resolve) => setTimeout(resolve, 120));
    assertEquals(pool.stats.idle, 1);
  }
  let sessions = 0;
  await using link = reconnect({ open, retry: { minDelayMs: 0 } }, () => {
    if (++sessions === 1) throw new BrokenError("reset", "gone");
    return sessions;
  });
  assertEquals(await link.ended, { endedBy: "return", value: 2 });
  await turn();
  for (const each of ends) each.abort();
});
