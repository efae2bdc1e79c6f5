import { strictEqual } from "node:assert/strict";
import { progress } from "./04_progress.ts";

Deno.test("progress() says how long it will take", () => {
  strictEqual(
    progress({ done: 250, total: 1000, bytesPerSecond: 50 }),
    "25 %, 50 B/s, 15 s left",
  );
  strictEqual(
    progress({ done: 1, total: 3, bytesPerSecond: 1.4 }),
    "33 %, 1 B/s, 2 s left",
  );
});

Deno.test("progress() says that nothing moves", () => {
  strictEqual(
    progress({ done: 250, total: 1000, bytesPerSecond: 0 }),
    "25 %, 0 B/s, stalled",
  );
});

Deno.test("progress() is done with an empty file", () => {
  strictEqual(
    progress({ done: 0, total: 0, bytesPerSecond: 0 }),
    "100 %, 0 B/s, 0 s left",
  );
});
