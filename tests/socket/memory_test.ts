import { assertEquals } from "@std/assert";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { lengthPrefixed } from "../../lib/codec/length_prefixed.ts";
import { framed } from "../../lib/framed/framed.ts";
import { halvesOf, type Socket } from "../../lib/socket/socket.ts";
import { outcome, type SpiedPair, spiedPair } from "../_support/sockets.ts";

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

/** How a socket comes to its end. */
const ENDS: Record<string, (pair: SpiedPair) => Promise<unknown>> = {
  async "a failed write"({ left, spy }) {
    spy.writeError = new Deno.errors.BrokenPipe("Broken pipe");
    await left.write("lost");
    await outcome(left.flush());
  },
  "an abort": ({ left }) => Promise.resolve(left.abort()),
  async "a close"({ left, right }) {
    await Promise.all([left.close(), right.close()]);
  },
  async "a reset"({ left, spy }) {
    const waiting = outcome(left.read());
    spy.inner.reset();
    await waiting;
  },
  async "a reset inside a frame"({ left, right, spy }) {
    await right.write("fra");
    await left.peek(3);
    const waiting = outcome(left.readExactly(4));
    spy.inner.reset();
    await waiting;
  },
  "a detach": ({ left }) => Promise.resolve(left.detach()),
};

/** What is set too late, though not before the caller can know. */
const LIMITS: Record<string, (socket: Socket) => unknown> = {
  writeMs: (socket) => socket.setTimeouts({ writeMs: 3_600_000 }),
  idleMs: (socket) => socket.setTimeouts({ idleMs: 3_600_000 }),
  readMs: (socket) => socket.setTimeouts({ readMs: 3_600_000 }),
  "a limit of frames": (socket) =>
    outcome(
      framed(socket, lengthPrefixed(), { frameTimeoutMs: 3_600_000 }).receive(),
    ),
  "a heartbeat": (socket) =>
    outcome(
      framed(socket, lengthPrefixed(), {
        heartbeat: {
          intervalMs: 3_600_000,
          ping: () => new Uint8Array(1),
          isPong: () => false,
        },
      }).receive(),
    ),
  "a limit of a call": (socket) =>
    Promise.all([
      outcome(socket.write("x", { timeoutMs: 3_600_000 })),
      outcome(socket.flush({ timeoutMs: 3_600_000 })),
      outcome(socket.closeWrite({ timeoutMs: 3_600_000 })),
    ]),
};

Deno.test("a socket that has ended is forgotten, whatever limits are set afterwards", async () => {
  const left = new Set<string>();
  const registry = new FinalizationRegistry<string>((name) =>
    left.delete(name)
  );
  for (const [end, endIt] of Object.entries(ENDS)) {
    for (const [limit, setIt] of Object.entries(LIMITS)) {
      // After a failed write a read may still wait for as long as it likes.
      if (end === "a failed write" && limit !== "writeMs") continue;
      const name = `${limit} after ${end}`;
      left.add(name);
      await (async () => {
        const pair = spiedPair();
        registry.register(halvesOf(pair.left), name);
        await endIt(pair);
        await setIt(pair.left);
      })();
    }
  }
  for (let i = 0; i < 50 && left.size > 0; i++) {
    await new Promise((resolve) => setTimeout(resolve));
    collectGarbage();
  }
  assertEquals([...left], []);
});
