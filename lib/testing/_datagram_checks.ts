/**
 * What carries datagrams has to do, one check for each promise of `DatagramSocket`.
 *
 * @module
 */

import type { DatagramSocket } from "../datagram/datagram_socket.ts";
import type { Datagram } from "../datagram/options.ts";
import {
  BusyError,
  ClosedError,
  SocketError,
  TimeoutError,
} from "../errors.ts";
import { AssertionError } from "./_decoding.ts";
import { isEqual } from "./_equal.ts";
import { expect, pattern } from "./_expect.ts";

/** What the checks know about the carrier. */
export interface DatagramConditions {
  /** Bytes of the largest datagram. */
  maxBytes: number;
  /** Whether a datagram to nowhere is sent without an error. */
  sendsToNowhere: boolean;
}

/** A check gets two fresh sockets, which it need not close. */
type DatagramCheck = (
  left: DatagramSocket,
  right: DatagramSocket,
  conditions: DatagramConditions,
) => Promise<void>;

async function received(socket: DatagramSocket): Promise<Datagram> {
  const datagram = await socket.receive();
  if (datagram !== null) return datagram;
  throw new AssertionError("A socket that is open must receive, got its end");
}

/** Settles with the error of a call that has to fail as one of ours. */
async function failure(
  what: string,
  call: () => Promise<unknown>,
): Promise<SocketError> {
  let value: unknown;
  try {
    value = await call();
  } catch (error) {
    if (error instanceof SocketError) return error;
    throw new AssertionError(
      `${what} must fail with a SocketError, got ${Deno.inspect(error)}`,
    );
  }
  throw new AssertionError(`${what} must fail, got ${Deno.inspect(value)}`);
}

/** The checks, by what sockets that pass them do. */
export const CHECKS: Record<string, DatagramCheck> = {
  "carries datagrams both ways, with the address of their sender": async (
    left,
    right,
  ) => {
    await left.send(pattern(100, 1), right.localAddr);
    const there = await received(right);
    expect("What arrived", there.data, pattern(100, 1));
    expect("Its sender", { ...there.from }, { ...left.localAddr });
    // An address that one came from can be answered.
    await right.send(pattern(50, 2), there.from);
    const back = await received(left);
    expect("The answer", back.data, pattern(50, 2));
    expect("Its sender", { ...back.from }, { ...right.localAddr });
  },

  "keeps datagrams apart, and in order": async (left, right) => {
    const sizes = [3, 0, 1, 500, 0, 2];
    for (const [i, size] of sizes.entries()) {
      await left.send(pattern(size, i), right.localAddr);
    }
    for (const [i, size] of sizes.entries()) {
      expect("A datagram", (await received(right)).data, pattern(size, i));
    }
  },

  "sends in the order of the calls": async (left, right) => {
    const sending = Array.from(
      { length: 8 },
      (_, i) => left.send(pattern(10, i), right.localAddr),
    );
    for (let i = 0; i < 8; i++) {
      expect("A datagram", (await received(right)).data, pattern(10, i));
    }
    await Promise.all(sending);
  },

  "sends while it receives": async (left, right) => {
    const receiving = received(left);
    await left.send(pattern(5), right.localAddr);
    const { from } = await received(right);
    await right.send(pattern(6), from);
    expect("The answer", (await receiving).data, pattern(6));
  },

  "carries the largest datagrams whole": async (left, right, { maxBytes }) => {
    await left.send(pattern(maxBytes), right.localAddr);
    const { data } = await received(right);
    expect("Whether it arrived whole", isEqual(data, pattern(maxBytes)), true);
  },

  "gives each datagram memory of its own": async (left, right) => {
    const source = pattern(64, 1);
    await left.send(source, right.localAddr);
    // Once it was sent the array is the caller's again.
    source.fill(0);
    await left.send(pattern(64, 2), right.localAddr);
    const one = await received(right);
    expect("The first one", one.data, pattern(64, 1));
    one.data.fill(9);
    const two = await received(right);
    expect("The second one", two.data, pattern(64, 2));
    await left.send(pattern(64, 3), right.localAddr);
    await received(right);
    expect("The first one, later", one.data, new Uint8Array(64).fill(9));
    expect("The second one, later", two.data, pattern(64, 2));
  },

  "loses nothing when a call ends early": async (left, right) => {
    const error = await failure(
      "A call whose time is over",
      () => right.receive({ timeoutMs: 5 }),
    );
    expect("A TimeoutError", error instanceof TimeoutError, true);
    await left.send(pattern(7), right.localAddr);
    expect("What arrived", (await received(right)).data, pattern(7));
  },

  "lets one task receive at a time": async (left, right) => {
    const first = received(right);
    const error = await failure("A second call", () => right.receive());
    expect("A BusyError", error instanceof BusyError, true);
    await left.send(pattern(8), right.localAddr);
    expect("What arrived", (await first).data, pattern(8));
  },

  "counts what it carries": async (left, right) => {
    for (const size of [0, 10, 20]) {
      await left.send(pattern(size), right.localAddr);
      await received(right);
    }
    const { sent, sentBytes } = left.stats;
    const { received: count, bytes, dropped, queued } = right.stats;
    expect("What was sent", [sent, sentBytes], [3, 30]);
    expect("What arrived", [count, bytes, dropped, queued], [3, 30, 0, 0]);
  },

  "outlives datagrams to nowhere": async (left, right, { sendsToNowhere }) => {
    const { localAddr } = right;
    await right.close();
    for (let i = 0; i < 3; i++) {
      if (sendsToNowhere) await left.send(pattern(9), localAddr);
      else await failure("A send", () => left.send(pattern(9), localAddr));
    }
    await left.send(pattern(4), left.localAddr);
    expect("What arrived", (await received(left)).data, pattern(4));
  },

  "ends what waits when it is closed": async (left, right) => {
    const receiving = right.receive();
    await right.close();
    expect("What waited", await receiving, null);
    expect("What comes later", await right.receive(), null);
    await right.closed;
    const error = await failure(
      "A send after the end",
      () => right.send(pattern(1), left.localAddr),
    );
    expect("A ClosedError", error instanceof ClosedError, true);
    await right.close();
  },
};
