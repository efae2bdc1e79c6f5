import { strictEqual } from "node:assert/strict";
import { predict } from "./10_predict.ts";

const sent = [1, 2, 3, 4].map((sequence) => ({ sequence, dx: 1 }));

Deno.test("predict() makes steps again that the server has not seen", () => {
  strictEqual(predict({ acked: 0, x: 10 }, sent), 14);
  strictEqual(predict({ acked: 3, x: 13 }, sent), 14);
  strictEqual(predict({ acked: 4, x: 14 }, sent), 14);
  strictEqual(predict({ acked: 0, x: 7 }, []), 7);
});

Deno.test("predict() believes the server, as where there was a wall", () => {
  // Steps 1 to 3 led nowhere.
  strictEqual(predict({ acked: 3, x: 10 }, sent), 11);
});
