/**
 * Callers that each ask, wait for the answer, check it, and ask again. Runs on Deno and on
 * Node, and speaks with the bench as the load generators do (`bench/load/spec.ts`).
 */
import process from "node:process";
import { createInterface } from "node:readline";

/** Keys that callers ask for; each has one of its own. */
export const keyOf = (caller) => `key:${caller}`;
/** What is stored there: as long as a short text. */
export const valueOf = (key) => `what is stored at ${key}, in some 64 bytes`;

/**
 * Asks until the window that the bench gives is over, and prints how often in it.
 *
 * @param {number} callers How many ask at a time.
 * @param {(key: string) => Promise<string | null>} get One request.
 */
export async function runCallers(callers, get) {
  let count = 0;
  let over = false;
  async function call(key) {
    const expected = valueOf(key);
    while (!over) {
      const value = await get(key);
      if (value !== expected) throw new Error(`wrong value: ${value}`);
      count++;
    }
  }
  console.log("ready");
  const { fromMs, untilMs } = JSON.parse(await readLine());
  const calls = Promise.all(
    Array.from({ length: callers }, (_, i) => call(keyOf(i))),
  );
  await sleepUntil(fromMs);
  const before = count;
  await sleepUntil(untilMs);
  const units = count - before;
  over = true;
  await calls;
  console.log(JSON.stringify({ units, latency: [] }));
}

async function readLine() {
  const lines = createInterface({ input: process.stdin });
  for await (const line of lines) return line;
  throw new Error("the bench has ended");
}

async function sleepUntil(timeMs) {
  await new Promise((resolve) => setTimeout(resolve, timeMs - Date.now()));
}
