/**
 * The state table in the documentation of `Socket`, as data: what each method does
 * in each state, the first time and the second.
 *
 * @module
 */

import {
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
} from "@std/assert";
import { BusyError } from "../../lib/errors.ts";
import type { Socket } from "../../lib/socket/socket.ts";
import { createAuthority } from "../_support/certificates.ts";
import { FakeTime } from "../time/_fake_time.ts";
import {
  isSettled,
  outcome,
  type SpiedPair,
  spiedPair,
  textOf,
  turn,
} from "../_support/sockets.ts";

/** A socket in some state. */
interface Prepared {
  /** The error that calls are expected to report, where it is always the same one. */
  error?: unknown;
  /** Runs before each call. */
  before?: () => Promise<unknown>;
  /** Lets the socket come to its end, where it is closing. */
  finish?: () => Promise<void>;
}

type Prepare = (pair: SpiedPair) => Promise<Prepared>;

const certificate = await (await createAuthority()).issue();

const open: Prepare = ({ right }) =>
  Promise.resolve({
    // The first call may have ended the connection.
    before: async () => {
      await outcome(right.write("left\n"));
      await outcome(right.flush());
    },
  });

const broken: Prepare = async ({ left, right, spy }) => {
  await right.write("left\n");
  left.unread(await left.readExactly(5));
  const waiting = outcome(left.readExactly(6));
  await turn();
  spy.inner.reset();
  return { error: await waiting };
};

const STATES = {
  open,

  "peer ended": async ({ left, right }) => {
    await right.write("left\n");
    await right.closeWrite();
    left.unread(await left.readExactly(5));
    return {};
  },

  "write ended": async (pair) => {
    await pair.left.closeWrite();
    return open(pair);
  },

  "write failed": async (pair) => {
    pair.spy.writeError = new Deno.errors.BrokenPipe("Broken pipe");
    await pair.left.write("lost");
    const error = await outcome(pair.left.flush());
    return { ...await open(pair), error };
  },

  "write broke": async ({ left, right, spy }) => {
    spy.writeError = new Deno.errors.ConnectionReset(
      "Connection reset by peer",
    );
    await left.write("lost");
    const error = await outcome(left.flush());
    await right.write("left\n");
    await right.closeWrite();
    return { error };
  },

  upgrading: async ({ left }) => {
    outcome(left.acceptTls(certificate));
    await turn();
    return {};
  },

  broken,

  "broken, bytes lost": async (pair) => {
    pair.spy.hold();
    await pair.left.write("lost");
    return broken(pair);
  },

  "closing, still sending": async ({ left, right, spy }) => {
    spy.hold();
    await left.write("late");
    left.close();
    await turn();
    return {
      finish: async () => {
        spy.release();
        await right.closeWrite();
        await left.close();
      },
    };
  },

  "closing, waiting for the peer": async ({ left, right, spy }) => {
    left.close();
    await turn();
    assertEquals(spy.closedWrite, 1);
    return {
      finish: async () => {
        await right.closeWrite();
        await left.close();
      },
    };
  },

  "closed by close": async ({ left, right }) => {
    await right.closeWrite();
    await left.close();
    return {};
  },

  "closed by abort": ({ left }) => {
    left.abort();
    return Promise.resolve({});
  },

  "closed by the idle limit": async ({ left }) => {
    using time = FakeTime.install();
    left.setTimeouts({ idleMs: 100 });
    const waiting = outcome(left.read());
    time.advance(200);
    return { error: await waiting };
  },

  "detached": ({ left }) => {
    left.detach();
    return Promise.resolve({});
  },

  "detached with a read in flight": async ({ left }) => {
    const cut = AbortSignal.timeout(1);
    await outcome(left.read({ signal: cut }));
    left.detach();
    return {};
  },
} satisfies Record<string, Prepare>;

const METHODS = {
  read: (socket) => socket.read(),
  readInto: (socket) => socket.readInto(new Uint8Array(5)),
  readExactly: (socket) => socket.readExactly(5),
  readUntil: (socket) => socket.readUntil("\n"),
  readLine: (socket) => socket.readLine(),
  peek: (socket) => socket.peek(5),
  next: async (socket) => {
    const { done, value } = await socket[Symbol.asyncIterator]().next();
    return done ? null : value;
  },
  unread: (socket) => socket.unread(new Uint8Array(1)),
  write: (socket) => socket.write("x"),
  flush: (socket) => socket.flush(),
  closeWrite: (socket) => socket.closeWrite(),
  close: (socket) => socket.close(),
  asyncDispose: (socket) => socket[Symbol.asyncDispose](),
  abort: (socket) => socket.abort(),
  dispose: (socket) => socket[Symbol.dispose](),
  setTimeouts: (socket) => socket.setTimeouts({ idleMs: 1_000, readMs: 1_000 }),
  detach: (socket) => void socket.detach(),
} satisfies Record<string, (socket: Socket) => unknown>;

type State = keyof typeof STATES;
type Method = keyof typeof METHODS;

/** What a call comes to: `"same"` is the error that broke the socket. */
type Result =
  | "bytes"
  | "null"
  | "done"
  | "same"
  | "BusyError"
  | "ClosedError"
  | "UnexpectedEofError";

/** What a method does the first and the second time; one result stands for both. */
type Results = Result | [Result, Result];

const READS = ["read", "readInto", "readExactly", "readUntil", "readLine"]
  .concat("peek", "next") as Method[];

const reads = (results: Results): Partial<Record<Method, Results>> =>
  Object.fromEntries(READS.map((name) => [name, results]));

const NOTHING_ANY_MORE: Record<Method, Results> = {
  ...reads("ClosedError") as Record<Method, Results>,
  unread: "ClosedError",
  write: "ClosedError",
  flush: "ClosedError",
  closeWrite: "done",
  close: "done",
  asyncDispose: "done",
  abort: "done",
  dispose: "done",
  setTimeouts: "done",
  detach: "ClosedError",
};

const OPEN: Record<Method, Results> = {
  ...reads("bytes") as Record<Method, Results>,
  unread: "done",
  write: "done",
  flush: "done",
  closeWrite: "done",
  close: "done",
  asyncDispose: "done",
  abort: "done",
  dispose: "done",
  setTimeouts: "done",
  detach: ["done", "ClosedError"],
};

const BROKEN: Record<Method, Results> = {
  ...OPEN,
  ...reads(["bytes", "same"]),
  peek: "bytes",
  write: "same",
  flush: "same",
  closeWrite: "same",
  detach: "same",
};

const IDLE: Record<Method, Results> = {
  ...NOTHING_ANY_MORE,
  ...reads("same"),
  unread: "same",
  write: "same",
  flush: "same",
  detach: "same",
};

const TABLE: Record<State, Record<Method, Results>> = {
  "open": OPEN,
  "peer ended": {
    ...OPEN,
    ...reads(["bytes", "null"]),
    readExactly: ["bytes", "UnexpectedEofError"],
    readUntil: ["bytes", "UnexpectedEofError"],
    peek: "bytes",
  },
  "write ended": { ...OPEN, write: "ClosedError", detach: "ClosedError" },
  "write failed": {
    ...OPEN,
    write: "same",
    flush: "same",
    closeWrite: "same",
    close: "same",
    // It was reported: `flush` rejected with it.
    asyncDispose: "done",
    detach: "same",
  },
  // Never a clean end, though the transport says so.
  "write broke": {
    ...BROKEN,
    close: "same",
    // It was reported: `flush` rejected with it.
    asyncDispose: "done",
  },
  "upgrading": {
    ...reads("BusyError") as Record<Method, Results>,
    unread: "BusyError",
    write: "BusyError",
    flush: "done",
    closeWrite: "BusyError",
    close: "done",
    asyncDispose: "done",
    abort: "done",
    dispose: "done",
    setTimeouts: "done",
    detach: "BusyError",
  },
  "broken": BROKEN,
  // A read has reported the loss, so `await using` does not repeat it.
  "broken, bytes lost": { ...BROKEN, close: "same", asyncDispose: "done" },
  // The second call finds the socket closed.
  "closing, still sending": {
    ...NOTHING_ANY_MORE,
    flush: ["done", "ClosedError"],
  },
  "closing, waiting for the peer": {
    ...NOTHING_ANY_MORE,
    flush: ["done", "ClosedError"],
  },
  "closed by close": NOTHING_ANY_MORE,
  "closed by abort": NOTHING_ANY_MORE,
  "closed by the idle limit": IDLE,
  "detached": NOTHING_ANY_MORE,
  "detached with a read in flight": NOTHING_ANY_MORE,
};

async function resultOf(
  call: () => unknown,
  { error, finish }: Prepared,
): Promise<string> {
  let value: unknown;
  let finished: Promise<void> | undefined;
  try {
    const called = call();
    finished = finish?.();
    value = await called;
  } catch (thrown) {
    if (thrown === error) return "same";
    return thrown instanceof Error ? thrown.name : String(thrown);
  } finally {
    await finished;
  }
  if (value === undefined) return "done";
  return value === null ? "null" : "bytes";
}

for (const [state, prepare] of Object.entries(STATES)) {
  for (const [name, method] of Object.entries(METHODS)) {
    const expected = TABLE[state as State][name as Method];
    const results = Array.isArray(expected) ? expected : [expected, expected];
    Deno.test(`${name} while ${state}: ${results.join(", then ")}`, async () => {
      using pair = spiedPair();
      const prepared: Prepared = await prepare(pair);
      const actual: string[] = [];
      for (let call = 0; call < 2; call++) {
        await prepared.before?.();
        if (name === "close" || name === "asyncDispose") {
          await outcome(pair.right.closeWrite());
        }
        actual.push(await resultOf(() => method(pair.left), prepared));
      }
      assertEquals(actual, results);
    });
  }

  Deno.test(`abort() while ${state} settles closed and signal`, async () => {
    using pair = spiedPair();
    const { left } = pair;
    const { closed, signal } = left;
    await prepare(pair);
    left.abort("enough");
    await closed;
    assertEquals(signal.aborted, true);
    // Asked for afterwards, they say the same.
    assertStrictEquals(left.closed, closed);
    assertStrictEquals(left.signal, signal);
  });
}

for (const state of ["open", "closing, still sending"] as const) {
  Deno.test(`close() and closeWrite() while ${state} give one promise each`, async () => {
    using pair = spiedPair();
    const { finish }: Prepared = await STATES[state](pair);
    const closing = pair.left.close();
    assertStrictEquals(pair.left.close(), closing);
    assertStrictEquals(pair.left.closeWrite(), pair.left.closeWrite());
    await finish?.();
    pair.right.closeWrite();
    await closing;
  });
}

for (const first of READS) {
  Deno.test(`${first} goes on undisturbed while other reads are refused`, async () => {
    using pair = spiedPair();
    const { left, right } = pair;
    const waiting = METHODS[first](left) as Promise<unknown>;
    for (const other of READS) {
      assertInstanceOf(
        await outcome(METHODS[other](left) as Promise<unknown>),
        BusyError,
        other,
      );
    }
    for (const other of ["unread", "detach"] as const) {
      const refused = await outcome((async () => await METHODS[other](left))());
      assertInstanceOf(refused, BusyError, other);
    }
    assertEquals(await isSettled(waiting), false);
    await right.write("whole\n");
    const value = await waiting;
    if (value instanceof Uint8Array) {
      assertEquals(textOf(value)?.slice(0, 5), "whole");
    } else {
      assertEquals(value, first === "readInto" ? 5 : "whole");
    }
  });
}

Deno.test("one socket ends a state for both halves: a read that waits rejects on close", async () => {
  for (const name of READS) {
    using pair = spiedPair();
    const waiting = outcome(METHODS[name](pair.left) as Promise<unknown>);
    const closing = pair.left.close();
    assertEquals((await waiting as Error).name, "ClosedError", name);
    await pair.right.closeWrite();
    await closing;
  }
});
