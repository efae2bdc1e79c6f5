import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { RateMeter, Socket, throttle, type ThrottleOptions } from "@sluice/net";
import type { CallOptions } from "@sluice/net";
import { memoryPair } from "@sluice/net/testing";
import {
  checkSocketOptions,
  SOCKET_OPTION_NAMES,
} from "../../lib/socket/check_options.ts";
import type { SocketOptions } from "../../lib/socket/options.ts";
import { memoryTransportPair } from "../../lib/transport/memory.ts";

Deno.test("a wrong name of an option is refused, and the nearest one named", async () => {
  const [left, right] = memoryPair();
  const [near] = memoryTransportPair();
  const made: [() => unknown, string][] = [
    [
      () => new Socket(near, { idelMs: 5 } as SocketOptions),
      'Cannot make a socket: unknown option "idelMs", did you mean idleMs?',
    ],
    [
      () => left.setTimeouts({ readTimeoutMs: 5 } as SocketOptions),
      'Cannot set timeouts: unknown option "readTimeoutMs" of timeouts, did you mean readMs?',
    ],
    [
      // Right names, but not here.
      () => left.setTimeouts({ closeTimeoutMs: 5 } as SocketOptions),
      'Cannot set timeouts: unknown option "closeTimeoutMs" of timeouts',
    ],
    [
      () => throttle({ bytesPerSec: 5 } as unknown as ThrottleOptions),
      'Cannot throttle: unknown option "bytesPerSec", did you mean bytesPerSecond?',
    ],
    [
      () => new RateMeter({ window: 5 } as Record<string, number>),
      'Cannot measure a rate: unknown option "window"',
    ],
  ];
  for (const [make, message] of made) assertThrows(make, TypeError, message);
  const options = { maxByte: 5 } as CallOptions;
  for (const call of ["readLine", "readUntil"] as const) {
    await assertRejects(
      () =>
        call === "readLine"
          ? left.readLine(options)
          : left.readUntil("\n", options),
      TypeError,
      `Cannot ${call}: unknown option "maxByte", did you mean maxBytes?`,
    );
  }
  await right.write("goes on\n");
  assertEquals(
    await left.readLine({ maxBytes: 8, timeoutMs: 1_000 }),
    "goes on",
  );
  left.abort();
  right.abort();
});

Deno.test("options that are none are refused by name", () => {
  const [near] = memoryTransportPair();
  for (const options of [null, 5, "idleMs", []]) {
    assertThrows(
      () => new Socket(near, options as unknown as SocketOptions),
      TypeError,
      "Cannot make a socket: options must be an object, got ",
    );
  }
  const [left] = memoryPair();
  assertThrows(
    () => left.setTimeouts(undefined as unknown as SocketOptions),
    TypeError,
    "Cannot set timeouts: timeouts must be an object, got undefined",
  );
});

Deno.test("an option that is undefined is not given", () => {
  const [near] = memoryTransportPair();
  const none = Object.fromEntries(
    [...SOCKET_OPTION_NAMES].map((name) => [name, undefined]),
  );
  new Socket(near, none).abort();
});

Deno.test("what a server or a client has checked are the options of a socket, and stay so", () => {
  const options = { idleMs: 5_000, port: 80 } as SocketOptions;
  const [near] = memoryTransportPair();
  assertThrows(() => new Socket(near, options), TypeError, '"port"');
  const checked = checkSocketOptions("serve", options);
  options.idleMs = NaN;
  assertEquals(checked, { idleMs: 5_000 });
  assert(checkSocketOptions("connect", checked) === checked);
  new Socket(near, checked).abort();
});

Deno.test("a socket does not notice that its options were changed afterwards", async () => {
  const [near, far] = memoryTransportPair();
  const options: SocketOptions = { highWaterMarkBytes: 4 };
  using socket = new Socket(near, options);
  Object.assign(options, { highWaterMarkBytes: "none", maxPendingBytes: {} });
  await socket.write("more than four");
  using peer = new Socket(far);
  assertEquals((await peer.readExactly(14)).length, 14);
});
