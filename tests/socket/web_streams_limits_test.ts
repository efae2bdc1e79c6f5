import { assert, assertEquals } from "@std/assert";
import { TimeoutError } from "../../lib/errors.ts";
import {
  isSettled,
  outcome,
  pass,
  spiedPair,
  turn,
  underEverySplit,
} from "../_support/sockets.ts";
import { FakeTime } from "../time/_fake_time.ts";

for (const mode of [undefined, "byob"] as const) {
  const kind = mode === "byob" ? "with an array of its own" : "with none";

  Deno.test(`a limit ends a read of readable ${kind}, and no byte is lost`, async () => {
    using time = FakeTime.install();
    await underEverySplit(async ({ left, right }) => {
      const reader = left.readable.getReader({ mode: mode! });
      const waiting = outcome(reader.read(new Uint8Array(9)));
      await turn();
      await pass(time, 99);
      assertEquals(await isSettled(waiting), false);
      await pass(time, 50);
      assert(await waiting instanceof TimeoutError, `${await waiting}`);
      reader.releaseLock();
      await right.write("all of this\n");
      assertEquals(await left.readLine(), "all of this");
    }, { left: { readMs: 100 } });
  });

  Deno.test(`setTimeouts limits a read of readable ${kind} that waits already`, async () => {
    using time = FakeTime.install();
    using pair = spiedPair();
    const { left, right } = pair;
    const reader = left.readable.getReader({ mode: mode! });
    const waiting = outcome(reader.read(new Uint8Array(9)));
    await turn();
    left.setTimeouts({ readMs: 100 });
    await pass(time, 150);
    assert(await waiting instanceof TimeoutError, `${await waiting}`);
    await right.write("all of this\n");
    assertEquals(await left.readLine(), "all of this");
  });
}
