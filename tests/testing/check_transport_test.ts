import { assertEquals, assertRejects } from "@std/assert";
import { checkTransport } from "../../lib/testing/check_transport.ts";
import { memoryTransportPair } from "../../lib/transport/memory.ts";
import type { Transport } from "../../lib/transport/options.ts";

const QUICK = { bulkBytes: 10_000, stallMs: 20, timeoutMs: 300 };
const ROOM = { highWaterMarkBytes: 1000 };

type Change = (inner: Transport) => Partial<Transport>;

/** A pair of memory transports whose first end does some things in another way. */
function changed(change: Change, options = ROOM): () => [Transport, Transport] {
  return () => {
    const [inner, right] = memoryTransportPair(options);
    const left: Transport = {
      read: (p) => inner.read(p),
      write: (p) => inner.write(p),
      closeWrite: () => inner.closeWrite(),
      close: () => inner.close(),
      localAddr: inner.localAddr,
      remoteAddr: inner.remoteAddr,
      ...change(inner),
    };
    return [left, right];
  };
}

Deno.test("checkTransport() passes a transport that is only wrapped", () =>
  checkTransport(changed(() => ({})), QUICK));

Deno.test("checkTransport() tells what is wrong with a transport", async () => {
  const wrong: [string, Change][] = [
    // It loses the first byte of what it reads.
    ["moves bytes in both directions", (inner) => ({
      async read(p) {
        const count = await inner.read(p);
        p.copyWithin(0, 1);
        return count;
      },
    })],
    [
      "moves bytes in both directions",
      () => ({ read: () => Promise.resolve(0) }),
    ],
    ["moves bytes in both directions", (inner) => ({
      async write(p) {
        return await inner.write(p) + 1000;
      },
    })],
    ["moves bytes in both directions", () => ({
      write: () => new Promise(() => {}),
    })],
    // It reads more than was asked for.
    ["reads at most what fits, and keeps the rest", (inner) => ({
      async read(p) {
        const whole = new Uint8Array(p.buffer);
        if (whole.length !== 20) return inner.read(p);
        const count = await inner.read(whole.subarray(p.byteOffset - 2));
        return count === null ? null : Math.min(count, p.length);
      },
    })],
    ["gives 0 for a read into an empty array", (inner) => ({
      read: (p) => p.length === 0 ? Promise.resolve(null) : inner.read(p),
    })],
    // It sends what the array holds later.
    ["leaves alone the arrays of calls that have settled", (inner) => {
      let last = Promise.resolve(0);
      return {
        write(p) {
          if (p.length !== 64) return inner.write(p);
          last = last.then(() =>
            new Promise((resolve) => setTimeout(resolve, 5))
          )
            .then(() => inner.write(p));
          return Promise.resolve(p.length);
        },
      };
    }],
    ["reads null at the end, after all that was written", (inner) => {
      let ended = false;
      return {
        async read(p) {
          if (ended) throw new Error("It has ended");
          const count = await inner.read(p);
          ended = count === null;
          return count;
        },
      };
    }],
    ["refuses a write after closeWrite", (inner) => {
      let ended = false;
      return {
        closeWrite() {
          ended = true;
          return inner.closeWrite();
        },
        write: (p) => ended ? Promise.resolve(p.length) : inner.write(p),
      };
    }],
    ["keeps the other direction after closeWrite", (inner) => {
      let ended = false;
      return {
        async closeWrite() {
          await inner.closeWrite();
          ended = true;
        },
        read: (p) => ended ? Promise.resolve(null) : inner.read(p),
      };
    }],
    ["fails a pending read when this side closes", (inner) => ({
      read: (p) => inner.read(p).catch(() => new Promise(() => {})),
    })],
    ["fails a pending read when this side closes", (inner) => ({
      read: (p) =>
        inner.read(p).catch(() => Promise.reject(new Error("It is over"))),
    })],
    ["fails every call after this side has closed", (inner) => {
      let closed = false;
      return {
        close() {
          closed = true;
          inner.close();
        },
        closeWrite: () => closed ? Promise.resolve() : inner.closeWrite(),
      };
    }],
    ["stands a second close, or refuses it as closed", (inner) => {
      let closes = 0;
      return {
        close() {
          if (++closes === 2) throw new Error("Who are you");
          inner.close();
        },
      };
    }],
    ["has addresses, also when it is closed", () => ({
      localAddr: {} as Transport["localAddr"],
    })],
  ];
  for (const [name, change] of wrong) {
    await assertRejects(
      () => checkTransport(changed(change), QUICK),
      Error,
      `Cannot pass "${name}"`,
      change.toString(),
    );
  }
});

Deno.test("checkTransport() wants a write to wait, in bounded memory", () =>
  assertRejects(
    () =>
      checkTransport(
        changed(() => ({}), { highWaterMarkBytes: Infinity }),
        QUICK,
      ),
    Error,
    'Cannot pass "makes a write wait while the peer does not read"',
  ).then(() => {}));

Deno.test("checkTransport() without backpressure wants a write to wait or to fail", async () => {
  const told = { ...QUICK, backpressure: false };
  const room = { highWaterMarkBytes: Infinity };
  await assertRejects(
    () => checkTransport(changed(() => ({}), room), told),
    Error,
    "A write must wait while the peer does not read",
  );
  let cuts = 0;
  const makePair = (): [Transport, Transport] => {
    const ends = memoryTransportPair(room);
    return ends.map((end): Transport => {
      let unread = 0;
      return {
        localAddr: end.localAddr,
        remoteAddr: end.remoteAddr,
        async read(p) {
          const count = await end.read(p);
          unread = 0;
          return count;
        },
        async write(p) {
          const count = await end.write(p);
          unread += count;
          if (unread > 1_000_000) {
            cuts++;
            end.reset();
          }
          return count;
        },
        closeWrite: () => end.closeWrite(),
        close: () => end.close(),
      };
    }) as [Transport, Transport];
  };
  await checkTransport(makePair, told);
  assertEquals(cuts >= 2, true);
});

Deno.test("checkTransport() takes a transport without half-close where told", async () => {
  const change: Change = (inner) => {
    let ended = false;
    return {
      async closeWrite() {
        await inner.closeWrite();
        ended = true;
      },
      read: (p) => ended ? Promise.resolve(null) : inner.read(p),
    };
  };
  await checkTransport(changed(change), { ...QUICK, halfClose: false });
});

Deno.test("checkTransport() refuses options that are out of range", async () => {
  for (const name of ["bulkBytes", "stallMs", "timeoutMs"]) {
    await assertRejects(
      () => checkTransport(changed(() => ({})), { [name]: 0 }),
      RangeError,
      `Cannot check a transport: ${name} must be at least 1, got 0`,
    );
  }
});

Deno.test("checkTransport() refuses what is of the wrong kind, or has another name", async () => {
  const pair = () => memoryTransportPair();
  for (
    const [options, text] of [
      [{ halfClosed: true }, "did you mean halfClose?"],
      [{ halfClose: 1 }, "halfClose must be a boolean, got 1"],
      [{ bulkBytes: "1" }, 'bulkBytes must be a number, got "1"'],
    ] as const
  ) {
    await assertRejects(
      () => checkTransport(pair, options as never),
      TypeError,
      text,
    );
  }
  await assertRejects(
    () => checkTransport(pair() as never),
    TypeError,
    "makePair must be a function, got an array of 2",
  );
});
