import { deepStrictEqual } from "node:assert/strict";
import { Outbox } from "./09_outbox.ts";

Deno.test("an Outbox keeps lines in order", () => {
  const outbox = new Outbox(3);
  deepStrictEqual(outbox.take(), []);
  for (const line of ["a", "b", "c"]) outbox.add(line);
  deepStrictEqual(outbox.take(), ["a", "b", "c"]);
  deepStrictEqual(outbox.take(), []);
});

Deno.test("an Outbox drops the oldest lines, and says how many", () => {
  const outbox = new Outbox(3);
  for (let i = 1; i <= 5; i++) outbox.add(`line ${i}`);
  deepStrictEqual(outbox.take(), [
    "* 2 lines were dropped",
    "line 3",
    "line 4",
    "line 5",
  ]);
  outbox.add("line 6");
  deepStrictEqual(outbox.take(), ["line 6"]);
});
