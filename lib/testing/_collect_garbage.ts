/**
 * Collects what nothing holds, at once, to see what is held.
 *
 * @module
 */

import { sleep } from "../time/sleep.ts";

/** Whether `reference` is collected when all memory is that can be. */
export async function isCollected(
  reference: WeakRef<object>,
): Promise<boolean> {
  // Loaded where it is needed: most programs that use this folder need neither.
  const [{ setFlagsFromString }, { runInNewContext }] = await Promise.all([
    import("node:v8"),
    import("node:vm"),
  ]);
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  // What the code that ran last looked at is held until the event loop comes round.
  for (let round = 0; round < 10; round++) {
    await sleep(1);
    collect();
    if (reference.deref() === undefined) return true;
  }
  return false;
}
