import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import type { Addr, Socket } from "@sluice/net";
import { fakeClock } from "@sluice/net/testing";
import {
  addressOf,
  PendingConnections,
  PendingError,
} from "../../examples/_pending_connections.ts";

/** As much of a socket as is looked at, and what became of it. */
function fakeSocket(hostname: string) {
  const remoteAddr: Addr = { transport: "tcp", hostname, port: 1 };
  const cut: unknown[] = [];
  const abort = (reason: unknown) => void cut.push(reason);
  return { socket: { remoteAddr, abort } as unknown as Socket, cut };
}

Deno.test("PendingConnections cuts the oldest of the address that has the most", async () => {
  using clock = fakeClock();
  const pending = new PendingConnections({ timeoutMs: 1_000, max: 3 });
  const many = ["10.0.0.1", "10.0.0.1"].map(fakeSocket);
  const [one, late] = ["10.0.0.2", "10.0.0.3"].map(fakeSocket);
  const all = [one, ...many, late];
  const places = all.map(({ socket }) => pending.add(socket));
  // Not before it could have been read from.
  assertEquals(all.map(({ cut }) => cut.length), [0, 0, 0, 0]);
  await clock.advance(20);
  assertEquals(all.map(({ cut }) => cut.length), [0, 1, 0, 0]);
  assertInstanceOf(many[0].cut[0], PendingError);
  assertEquals(pending.size, 3);
  for (const place of places) place[Symbol.dispose]();
  assertEquals(pending.size, 0);
});

Deno.test("PendingConnections has at most four times as many as it may, at any time", async () => {
  using clock = fakeClock();
  const pending = new PendingConnections({ max: 3 });
  const all = Array.from({ length: 20 }, () => fakeSocket("10.0.0.1"));
  for (const { socket } of all) {
    pending.add(socket);
    assert(pending.size <= 12);
  }
  const cut = () => all.map(({ cut }) => cut.length).join("");
  assertEquals(cut(), `${"1".repeat(8)}${"0".repeat(12)}`);
  await clock.advance(20);
  assertEquals(cut(), `${"1".repeat(17)}000`);
});

Deno.test("PendingConnections cuts none that has spoken by then", async () => {
  using clock = fakeClock();
  const pending = new PendingConnections({ max: 1 });
  const [first, second, third] = ["10.0.0.1", "10.0.0.1", "10.0.0.1"]
    .map(fakeSocket);
  const place = pending.add(first.socket);
  pending.add(second.socket);
  place[Symbol.dispose]();
  await clock.advance(10);
  pending.add(third.socket);
  await clock.advance(20);
  assertEquals([first, second, third].map(({ cut }) => cut.length), [0, 1, 0]);
});

Deno.test("PendingConnections lets a connection be that has said something", () => {
  const pending = new PendingConnections({ timeoutMs: 1_000, max: 1 });
  const [first, second] = ["10.0.0.1", "10.0.0.1"].map(fakeSocket);
  pending.add(first.socket)[Symbol.dispose]();
  using _ = pending.add(second.socket);
  assertEquals([first.cut, second.cut], [[], []]);
});

Deno.test("PendingConnections cuts a connection whose time is over", async () => {
  const pending = new PendingConnections({ timeoutMs: 1, max: 9 });
  const { promise, resolve } = Promise.withResolvers<unknown>();
  const { socket } = fakeSocket("10.0.0.1");
  using _ = pending.add(Object.assign(socket, { abort: resolve }));
  assertInstanceOf(await promise, PendingError);
  assertEquals(pending.size, 0);
});

Deno.test("addressOf() takes a network of IPv6 for one address", () => {
  for (
    const [hostname, address] of [
      ["10.0.0.1", "10.0.0.1"],
      ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
      ["2001:db8::6", "2001:db8:0:0"],
      ["2001:db8:1:2::", "2001:db8:1:2"],
      ["::1", "0:0:0:0"],
      ["fe80::1", "fe80::1"],
      ["::ffff:10.0.0.1", "10.0.0.1"],
    ]
  ) assertEquals(addressOf(fakeSocket(hostname).socket), address);
  const remoteAddr: Addr = { transport: "unix", path: "/x" };
  assertEquals(addressOf({ remoteAddr }), "unix");
});
