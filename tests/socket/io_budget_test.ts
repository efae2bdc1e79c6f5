import { assertGreater, assertLess } from "@std/assert";
import {
  noteReadEnd,
  spendUnit,
  waitForBudget,
} from "../../lib/socket/io_budget.ts";

/** Turns of the event loop from when the budget is spent until there is a new one. */
async function turnsOfPause(
  duringPause: (turns: number) => void,
): Promise<number> {
  // The slice of a process in which no read was seen to be ready is 20 ms.
  while (spendUnit());
  const budget = Promise.withResolvers<void>();
  let isOver = false;
  waitForBudget({
    onNewBudget() {
      isOver = true;
      budget.resolve();
    },
  });
  let turns = 0;
  while (!isOver) {
    duringPause(turns);
    await new Promise<void>((resolve) => setImmediate(resolve));
    turns++;
  }
  await budget.promise;
  return turns;
}

Deno.test("a pause ends early where a read of the system's has ended", async () => {
  const turns = await turnsOfPause((turns) => {
    if (turns === 12) noteReadEnd({}, 10, true);
  });
  assertLess(turns, 20);
});

Deno.test("a pause is not cut short by a read that needs no I/O events", async () => {
  const turns = await turnsOfPause((turns) => {
    if (turns === 12) noteReadEnd({}, 10, false);
  });
  assertGreater(turns, 50);
});

Deno.test("a pause is not cut short by reads that were ready when it began", async () => {
  const turns = await turnsOfPause((turns) => {
    if (turns < 3) noteReadEnd({}, 10, true);
  });
  assertGreater(turns, 50);
});
