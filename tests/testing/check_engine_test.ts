import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { Engine } from "../../lib/hub/engine.ts";
import { memoryEngine } from "../../lib/hub/memory_engine.ts";
import { checkEngine } from "../../lib/testing/check_engine.ts";
import { turn } from "../_support/sockets.ts";

const QUICK = { burstMessages: 50, settleMs: 5, timeoutMs: 30_000 };

/** For engines with which a check waits in vain. */
const IN_VAIN = { ...QUICK, timeoutMs: 2_000 };

type OnMessage = (data: Uint8Array) => void;

/** The memory engine, with some of it replaced. */
function engineWith(
  change: (inner: Engine) => Partial<Engine>,
): () => { engine: Engine } {
  const inner = memoryEngine();
  const engine: Engine = {
    publish: (topic, data) => inner.publish(topic, data),
    subscribe: (topic, onMessage, options) =>
      inner.subscribe(topic, onMessage, options),
    ...change(inner),
  };
  return () => ({ engine });
}

/** The memory engine, whose messages pass through `change` on their way. */
function changing(
  change: (onMessage: OnMessage) => OnMessage,
): () => { engine: Engine } {
  return engineWith((inner) => ({
    subscribe: (topic, onMessage, options) =>
      inner.subscribe(topic, change(onMessage), options),
  }));
}

function everyOther(first: (onMessage: OnMessage, data: Uint8Array) => void) {
  return (onMessage: OnMessage): OnMessage => {
    let count = 0;
    return (data) =>
      count++ % 2 === 0 ? first(onMessage, data) : onMessage(data);
  };
}

const BROKEN: Record<string, [string, () => { engine: Engine }]> = {
  "takes bytes for text": [
    "carries messages of any size and content",
    changing((onMessage) => (data) =>
      onMessage(new TextEncoder().encode(new TextDecoder().decode(data)))
    ),
  ],
  "cuts large messages off": [
    "carries messages of any size and content",
    changing((onMessage) => (data) => onMessage(data.subarray(0, 65_535))),
  ],
  "delivers nothing": [
    "carries messages of any size and content",
    changing(() => () => {}),
  ],
  "is ready before it has subscribed": [
    "carries messages of any size and content",
    engineWith((inner) => ({
      subscribe(topic, onMessage, options) {
        const subscribed = turn().then(() =>
          inner.subscribe(topic, onMessage, options)
        );
        return { close: () => void subscribed.then((each) => each.close()) };
      },
    })),
  ],
  "changes the caller's array": [
    "carries messages of any size and content",
    engineWith((inner) => ({
      async publish(topic, data) {
        await inner.publish(topic, data.slice());
        data.fill(0);
      },
    })),
  ],
  "transfers the caller's array": [
    "carries messages of any size and content",
    engineWith((inner) => ({
      publish(topic, data) {
        const { buffer } = data;
        const own = structuredClone(data, {
          transfer: [buffer as ArrayBuffer],
        });
        return inner.publish(topic, own);
      },
    })),
  ],
  "keeps the caller's array": [
    "has taken a message when publish resolves",
    engineWith((inner) => ({
      publish(topic, data) {
        turn().then(() => inner.publish(topic, data));
        return Promise.resolve();
      },
    })),
  ],
  "never resolves": [
    "carries messages of any size and content",
    engineWith(() => ({ publish: () => new Promise(() => {}) })),
  ],
  "takes topics for the same that differ in case": [
    "keeps topics apart",
    engineWith((inner) => ({
      publish: (topic, data) => inner.publish(topic.toLowerCase(), data),
      subscribe: (topic, onMessage, options) =>
        inner.subscribe(topic.toLowerCase(), onMessage, options),
    })),
  ],
  "takes a topic for a pattern": [
    "keeps topics apart",
    engineWith((inner) => ({
      subscribe(topic, onMessage, options) {
        const all = inner.subscribe(topic, onMessage, options);
        const pattern = topic.endsWith(".*")
          ? inner.subscribe(`${topic.slice(0, -1)}b`, onMessage, options)
          : undefined;
        return {
          close() {
            all.close();
            pattern?.close();
          },
        };
      },
    })),
  ],
  "reorders": [
    "keeps the order of each publisher, and loses and doubles nothing silently",
    changing((onMessage) => {
      let held: Uint8Array | undefined;
      return (data) => {
        const text = new TextDecoder().decode(data);
        if (/^a\d*4$/.test(text)) {
          held = data.slice();
        } else {
          onMessage(data);
          if (held !== undefined && text.startsWith("a")) {
            onMessage(held);
            held = undefined;
          }
        }
      };
    }),
  ],
  "loses silently": [
    "keeps the order of each publisher, and loses and doubles nothing silently",
    changing((onMessage) => (data) => {
      if (!/^a.*5$/.test(new TextDecoder().decode(data))) onMessage(data);
    }),
  ],
  "tells fewer than it has lost": [
    "keeps the order of each publisher, and loses and doubles nothing silently",
    engineWith((inner) => ({
      subscribe(topic, onMessage, { onGap }) {
        return inner.subscribe(topic, (data) => {
          const text = new TextDecoder().decode(data);
          if (!/^a.*[56]$/.test(text)) return onMessage(data);
          if (text.endsWith("6")) onGap({ reason: "slow", count: 1 });
        }, { onGap });
      },
    })),
  ],
  "doubles": [
    "keeps the order of each publisher, and loses and doubles nothing silently",
    changing(
      everyOther((onMessage, data) => {
        const text = new TextDecoder().decode(data);
        onMessage(data);
        if (/^[ab]\d/.test(text)) onMessage(data);
      }),
    ),
  ],
  "reorders what is not awaited": [
    "keeps the order where publish is not awaited",
    engineWith((inner) => {
      let count = 0;
      return {
        async publish(topic, data) {
          for (let i = count++ % 3; i > 0; i--) await turn();
          await inner.publish(topic, data);
        },
      };
    }),
  ],
  "gives each message to one subscription alone": [
    "calls each subscription of a topic once",
    engineWith((inner) => {
      const last = new Map<string, number>();
      return {
        subscribe(topic, onMessage, options) {
          const number = (last.get(topic) ?? 0) + 1;
          last.set(topic, number);
          return inner.subscribe(
            topic,
            (data) => last.get(topic) === number && onMessage(data),
            options,
          );
        },
      };
    }),
  ],
  "ends all subscriptions of a topic with one": [
    "calls each subscription of a topic once",
    engineWith((inner) => {
      const all = new Map<string, { close(): void }[]>();
      return {
        subscribe(topic, onMessage, options) {
          const own = inner.subscribe(topic, onMessage, options);
          all.set(topic, [...all.get(topic) ?? [], own]);
          return {
            close: () => all.get(topic)!.forEach((each) => each.close()),
          };
        },
      };
    }),
  ],
  "calls back after close": [
    "calls nothing after close",
    changing((onMessage) => {
      // A message that is under way when the subscription is closed.
      return (data) => void Promise.resolve().then(() => onMessage(data));
    }),
  ],
  "throws at the second close": [
    "calls nothing after close",
    engineWith((inner) => ({
      subscribe(topic, onMessage, options) {
        const { close } = inner.subscribe(topic, onMessage, options);
        let closed = 0;
        return {
          close() {
            // The checks before close twice at most.
            if (++closed > 2) throw new Error("closed already");
            close();
          },
        };
      },
    })),
  ],
};

/** Of {@linkcode BROKEN}, those with which a check waits in vain. */
const WAITS_IN_VAIN: ReadonlySet<string> = new Set([
  "delivers nothing",
  "is ready before it has subscribed",
  "never resolves",
  "gives each message to one subscription alone",
  "ends all subscriptions of a topic with one",
]);

for (const [what, [promise, open]] of Object.entries(BROKEN)) {
  Deno.test(`checkEngine() finds an engine that ${what}`, async () => {
    const options = WAITS_IN_VAIN.has(what) ? IN_VAIN : QUICK;
    const error = await assertRejects(() => checkEngine(open, options), Error);
    assertStringIncludes(error.message, `Cannot pass "${promise}": `);
    assertEquals(error.name, "AssertionError");
  });
}

Deno.test("checkEngine() finds an engine that leaks subscriptions", async () => {
  const leaked: unknown[] = [];
  const open = engineWith((inner) => ({
    subscribe(topic, onMessage, options) {
      leaked.push(onMessage);
      return inner.subscribe(topic, onMessage, options);
    },
  }));
  // All memory is looked at several times, which may take long beside other work.
  await assertRejects(
    () => checkEngine(open, { ...QUICK, timeoutMs: 30_000 }),
    Error,
    'Cannot pass "holds nothing for a closed subscription": ',
  );
});

/** The memory engine, with a switch that cuts the link; it tells of it, or not. */
function interruptible(tells: boolean) {
  const inner = memoryEngine();
  const told = new Set<() => void>();
  let isCut = false;
  const engine: Engine = {
    publish: (topic, data) =>
      isCut ? Promise.resolve() : inner.publish(topic, data),
    subscribe(topic, onMessage, options) {
      const subscription = inner.subscribe(topic, onMessage, options);
      const tell = () => options.onGap({ reason: "reconnected" });
      told.add(tell);
      return {
        close() {
          told.delete(tell);
          subscription.close();
        },
      };
    },
  };
  return {
    open: () => ({ engine }),
    async interrupt() {
      isCut = true;
      for (let i = 0; i < 10; i++) await new Promise((r) => setTimeout(r, 2));
      isCut = false;
      if (tells) { for (const tell of told) tell(); }
    },
  };
}

Deno.test("checkEngine() finds an engine that is silent about an interruption", async () => {
  const { open, interrupt } = interruptible(false);
  await assertRejects(
    () => checkEngine(open, { ...QUICK, interrupt }),
    Error,
    'Cannot pass "reports what is lost in an interruption": ',
  );
});

Deno.test("checkEngine() passes an engine that reports an interruption, and closes all participants", async () => {
  const { open, interrupt } = interruptible(true);
  let opened = 0;
  let closed = 0;
  await checkEngine(() => {
    opened++;
    return { ...open(), close: () => void closed++ };
  }, { ...QUICK, interrupt });
  assertEquals(closed, opened);
});

Deno.test("checkEngine() closes the first participant where the second cannot be opened", async () => {
  let opened = 0;
  let closed = 0;
  const open = () => {
    if (++opened === 2) throw new Error("not now");
    return { engine: memoryEngine(), close: () => void closed++ };
  };
  await assertRejects(() => checkEngine(open, QUICK), Error, "not now");
  assertEquals(closed, 1);
});

Deno.test("checkEngine() refuses options that it does not know", async () => {
  const open = () => ({ engine: memoryEngine() });
  await assertRejects(
    () => checkEngine(open, { burst: 5 } as never),
    TypeError,
    'unknown option "burst"',
  );
  await assertRejects(
    () => checkEngine(open, { burstMessages: 1 }),
    RangeError,
  );
  await assertRejects(
    () => checkEngine(open, { burstMessages: Infinity }),
    RangeError,
  );
  await assertRejects(() => checkEngine(1 as never), TypeError);
  for (const given of [null, {}, { engine: { publish: () => {} } }]) {
    await assertRejects(
      () => checkEngine(() => given as never),
      TypeError,
      "Cannot check an engine: ",
    );
  }
});
