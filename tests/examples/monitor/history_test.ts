import { assert, assertEquals, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { History } from "../../../examples/monitor/history.ts";
import type { Sample } from "../../../examples/monitor/statistics.ts";

const now = Date.now();
const sample = (value: number | null, at = now): Sample => ({
  at,
  ok: value !== null,
  value,
  detail: value === null ? "refused" : "",
});

Deno.test("History gives the newest results back, the oldest of them first", () => {
  using history = new History();
  for (const value of [1, null, 3.5, 4]) history.add("a", sample(value));
  assertEquals(history.recent("a", 3), [sample(null), sample(3.5), sample(4)]);
});

Deno.test("History keeps targets apart, whatever their names are", () => {
  using history = new History();
  const name = "a'; DROP TABLE samples; --";
  history.add("a", sample(1));
  history.add(name, sample(2));
  assertEquals(history.recent("a", 9), [sample(1)]);
  assertEquals(history.recent(name, 9), [sample(2)]);
  assertEquals(history.recent("b", 9), []);
});

Deno.test("History keeps so many results of each target, and no more", () => {
  using history = new History(undefined, { maxSamples: 10 });
  for (let value = 1; value <= 100; value++) {
    history.add("a", sample(value));
    if (value <= 5) history.add("b", sample(value));
  }
  const values = (name: string) =>
    history.recent(name, 1_000).map(({ value }) => value);
  assertEquals(values("a"), [91, 92, 93, 94, 95, 96, 97, 98, 99, 100]);
  assertEquals(values("b"), [1, 2, 3, 4, 5]);
});

Deno.test("History removes old results now and then, a hundredth too late at most", () => {
  using history = new History(undefined, { maxSamples: 1_000 });
  for (let value = 1; value <= 1_500; value++) {
    history.add("a", sample(value));
    const { length } = history.recent("a", 2_000);
    assert(length === value || length >= 1_000 && length <= 1_010, `${length}`);
  }
});

Deno.test("History in a file does not make its program wait for the disk", async () => {
  const folder = await Deno.makeTempDir();
  try {
    using _ = new History(`${folder}/history.db`);
    const other = new DatabaseSync(`${folder}/history.db`);
    // Without it each result is a write that is waited for.
    const mode = other.prepare("PRAGMA journal_mode").get();
    other.close();
    assertEquals(mode?.journal_mode, "wal");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("History in a file outlives the program, up to its age limit", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/history.db`;
    {
      using history = new History(path);
      history.add("a", sample(1, now - 8 * 86_400_000));
      history.add("a", sample(2));
    }
    {
      using history = new History(path);
      assertEquals(history.recent("a", 9).length, 2);
    }
    using history = new History(path, { maxDays: 7 });
    assertEquals(history.recent("a", 9), [sample(2)]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("History refuses a file that is something else, and leaves it alone", async () => {
  const path = await Deno.makeTempFile();
  try {
    const text = "this is a letter, not a database".repeat(100);
    await Deno.writeTextFile(path, text);
    assertThrows(() => new History(path), Error, "not a database");
    assertEquals(await Deno.readTextFile(path), text);
  } finally {
    await Deno.remove(path);
  }
});
