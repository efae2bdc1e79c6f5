/**
 * Bad arguments of everything that is exported: what is refused is refused in words about
 * the argument, and never by what JavaScript says inside of `lib/`, such as "Cannot
 * destructure property". Values of the wrong kind are what a program without types passes.
 *
 * @module
 */

import { assertEquals, assertGreater, assertRejects } from "@std/assert";
import * as main from "../mod.ts";
import type { Socket } from "../mod.ts";
import * as adapters from "../lib/adapters/mod.ts";
import * as client from "../lib/client/mod.ts";
import * as codec from "../lib/codec/mod.ts";
import * as datagrams from "../lib/datagram/mod.ts";
import * as hub from "../lib/hub/mod.ts";
import * as permissions from "../lib/permissions/mod.ts";
import * as testing from "../lib/testing/mod.ts";
import * as time from "../lib/time/mod.ts";
import * as workers from "../lib/workers/mod.ts";
import { TIMEOUT } from "./_support/sockets.ts";

const ENTRIES = {
  main,
  adapters,
  client,
  codec,
  datagrams,
  hub,
  permissions,
  testing,
  time,
  workers,
};

/** What the engine says of a value that `lib/` took for something else. */
const INTERNAL =
  /Cannot (destructure|(read|set) propert|use 'in'|mix BigInt|access '|convert |create property)|\bis not (iterable|a function|a constructor|callable)|Invalid (array|typed|attempt)|incompatible receiver|private (member|name)/;

/** Classes of which functions make the instances: their constructors are not for users. */
const MADE_BY_FUNCTIONS = new Set([
  "Listener",
  "Server",
  "Deadline",
  "ReconnectingSession",
  "WorkerGroup",
  "Lease",
  "Membership",
  "SimulationError",
  "DatagramPeer",
  "DatagramSocket",
  "PacketPeer",
  "PacketSocket",
]);

type Call = (...args: unknown[]) => unknown;

const FIRST = [undefined, null, 0, "x", true, {}, [], () => {}];
const SECOND = [undefined, null, 0, {}];
const LISTS: unknown[][] = [
  [],
  ...FIRST.flatMap((first) => [[first], ...SECOND.map((two) => [first, two])]),
];

/** What was said to bad arguments, and should not have been. */
async function internalErrors(name: string, call: Call): Promise<string[]> {
  const wrong: string[] = [];
  for (const args of LISTS) {
    let result: unknown;
    try {
      result = call(...args);
      if (result instanceof Promise) result = await settled(result);
    } catch (error) {
      const text = String(error instanceof Error ? error.message : error);
      if (INTERNAL.test(text.replace(/, got .*/, ""))) {
        wrong.push(`${name}(${args.map((arg) => Deno.inspect(arg))}): ${text}`);
      }
    }
    await disposeOf(result);
  }
  return wrong;
}

/** Arguments are refused at once: what goes on has taken them. */
async function settled(promise: Promise<unknown>): Promise<unknown> {
  promise.catch(() => {});
  const { promise: later, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, 0);
  try {
    return await Promise.race([promise, later]);
  } finally {
    clearTimeout(timer);
  }
}

/** What is open, so that no end has to wait for its peer. */
const sockets: Socket[] = [];

function newSocket(): Socket {
  const pair = testing.memoryPair();
  sockets.push(...pair);
  return pair[0];
}

async function disposeOf(value: unknown): Promise<void> {
  for (const socket of sockets.splice(0)) socket.abort();
  const all = Array.isArray(value) ? value : [value];
  for (const each of all as Record<string | symbol, unknown>[]) {
    const end = each?.abort ?? each?.[Symbol.dispose] ??
      each?.[Symbol.asyncDispose] ?? each?.close;
    if (typeof end === "function") await end.call(each);
  }
}

const FUNCTIONS = new Map<string, Call>();
for (const names of Object.values(ENTRIES)) {
  for (const [name, value] of Object.entries(names)) {
    if (typeof value !== "function" || MADE_BY_FUNCTIONS.has(name)) continue;
    const isClass = value.toString().startsWith("class");
    FUNCTIONS.set(
      isClass ? `new ${name}` : name,
      isClass
        ? (...args) => Reflect.construct(value, args)
        : value as unknown as Call,
    );
  }
}

Deno.test(
  "everything that is exported refuses bad arguments in words about them",
  {
    ...TIMEOUT,
  },
  async () => {
    assertGreater(FUNCTIONS.size, 100);
    const wrong: string[] = [];
    for (const [name, call] of FUNCTIONS) {
      wrong.push(...await internalErrors(name, call));
    }
    assertEquals(wrong, []);
  },
);

/** One of each class whose methods take arguments. */
const INSTANCES: Record<string, () => object> = {
  Socket: () => newSocket(),
  Framed: () => main.framed(newSocket(), main.lines()),
  Requests: () =>
    new client.Requests(main.framed(newSocket(), main.lines()), {
      match: "order",
    }),
  Pool: () =>
    new client.Pool({ open: () => Promise.reject(new Error("none")) }),
  Hub: () => new hub.Hub(main.lines()),
  ByteQueue: () => new main.ByteQueue(),
  ByteWriter: () => new main.ByteWriter(),
  RateLimiter: () => new main.RateLimiter({ perSecond: 1e9 }),
  RateMeter: () => new main.RateMeter(),
  RetryBudget: () => main.retryBudget(),
  Deadline: () => main.Deadline.after(1_000),
  Server: () => testing.memoryNetwork().serve({ name: "a" }, () => {}),
  Listener: () => testing.memoryNetwork().listen({ name: "a" }),
  MemoryNetwork: () => testing.memoryNetwork(),
};

/** The names of the methods of an instance, in the order of their classes. */
function methodsOf(instance: object): string[] {
  const names = new Set<string>();
  for (
    let level = Object.getPrototypeOf(instance);
    level !== null && level !== Object.prototype;
    level = Object.getPrototypeOf(level)
  ) {
    for (
      const [name, { value }] of Object.entries(
        Object.getOwnPropertyDescriptors(level),
      )
    ) {
      if (typeof value === "function" && name !== "constructor") {
        names.add(name);
      }
    }
  }
  return [...names];
}

for (const [type, make] of Object.entries(INSTANCES)) {
  Deno.test(
    `each method of ${type} refuses bad arguments in words about them`,
    {
      ...TIMEOUT,
    },
    async () => {
      const wrong: string[] = [];
      const first = make();
      const methods = methodsOf(first);
      await disposeOf(first);
      assertGreater(methods.length, 0);
      for (const method of methods) {
        let instance: object | undefined;
        const call: Call = async (...args) => {
          await disposeOf(instance);
          instance = make();
          return await (instance as Record<string, Call>)[method](...args);
        };
        wrong.push(...await internalErrors(`${type}.${method}`, call));
        await disposeOf(instance);
      }
      assertEquals(wrong, []);
    },
  );
}

const any = (value: unknown) => value as never;

/** What newcomers pass by mistake, with the whole text that tells them so. */
const TEXTS: [call: () => unknown, text: string][] = [
  [
    () => main.connect(any(undefined)),
    "Cannot connect: options must be an object, got undefined",
  ],
  [
    () => main.connect({ port: 1, timeoutMs: any("3") }),
    'Cannot connect: timeoutMs must be a number, got "3"',
  ],
  [
    () => main.connect(any("127.0.0.1:80")),
    'Cannot connect: options must be an object, got "127.0.0.1:80"',
  ],
  [
    () => main.connect({ port: any("80") }),
    'Cannot connect: port must be a number, got "80"',
  ],
  [
    () => main.connect({ port: 1, tls: any(null) }),
    "Cannot connect: tls must be a boolean or an object, got null",
  ],
  [
    () => main.serve(any(undefined), () => {}),
    "Cannot serve: options must be an object, got undefined",
  ],
  [
    () => main.listen(any(undefined)),
    "Cannot listen: options must be an object, got undefined",
  ],
  [
    () => datagrams.datagram(any(undefined)),
    "Cannot open a datagram socket: options must be an object, got undefined",
  ],
  [
    () => workers.supervise(any(undefined)),
    "Cannot supervise: options must be an object, got undefined",
  ],
  [
    () => new client.Pool(any(undefined)),
    "Cannot make a pool: options must be an object, got undefined",
  ],
  [
    () => new hub.Hub(any(undefined)),
    "Cannot make a hub: codec must be an object with encoder(), got undefined",
  ],
  [
    () => new hub.Hub(main.lines(), any(null)),
    "Cannot make a hub: options must be an object, got null",
  ],
  [
    () => main.lines(any(null)),
    "Cannot make a lines codec: options must be an object, got null",
  ],
  [
    () => main.formatAddress(any(undefined)),
    "Cannot format the address: it must be an object, got undefined",
  ],
  [
    () => new main.RateMeter(any(null)),
    "Cannot measure a rate: options must be an object, got null",
  ],
  [
    () => testing.memoryNetwork().connect(any(undefined)),
    "Cannot connect: options must be an object, got undefined",
  ],
  [
    () => testing.checkTransport(any(() => {})),
    "Cannot check a transport: what makePair returns must be an array of two ends, got undefined",
  ],
  [
    () => testing.checkTransport(any(() => [{}, null])),
    "Cannot check a transport: what makePair returns must be an array of two ends, got an array of 2",
  ],
  [
    () => testing.checkDatagrams(any(() => [])),
    "Cannot check datagrams: what makeSockets returns must be an array of two sockets of datagram(), got an array of 0",
  ],
];

Deno.test("wrong arguments are quoted as they were given, with what they must be", async () => {
  for (const [call, text] of TEXTS) {
    // deno-lint-ignore require-await
    const error = await assertRejects(async () => call(), TypeError);
    assertEquals(error.message, text);
  }
});

Deno.test("an error keeps its message where its options are none", () => {
  const error = new main.ClosedError("Cannot write: it is closed", any(null));
  assertEquals(error.message, "Cannot write: it is closed");
  assertEquals(new main.FrameTooLargeError(1, 2, any(null)).skipped, false);
  assertEquals(new main.MalformedFrameError("no", any(null)).frame, undefined);
});
