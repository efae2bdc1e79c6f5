import { assertGreater, assertLess } from "@std/assert";
import {
  noteReadEnd,
  spendUnit,
  waitForBudget,
} from "../../lib/socket/_io_budget.ts";

/** Turns of the event loop from when the budget is spent until there is a new one. */
async function turnsOfPause(
  duringPause: () => void,
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
  duringPause();
  let turns = 0;
  while (!isOver) {
    await new Promise<void>((resolve) => setImmediate(resolve));
    turns++;
  }
  await budget.promise;
  return turns;
}

Deno.test("a pause ends early where a read of the system's has ended", async () => {
  const turns = await turnsOfPause(() => noteReadEnd({}, 10, true));
  assertLess(turns, 5);
});

Deno.test("a pause is not cut short by a read that needs no I/O events", async () => {
  const turns = await turnsOfPause(() => noteReadEnd({}, 10, false));
  assertGreater(turns, 50);
});
