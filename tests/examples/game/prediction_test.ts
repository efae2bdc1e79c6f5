import { assertEquals } from "@std/assert";
import { Arena } from "../../../examples/game/arena.ts";
import { Prediction } from "../../../examples/game/prediction.ts";
import { Seat } from "../../../examples/game/seat.ts";

const arena = new Arena(7);
const alone = { arena, others: [] };

Deno.test("Prediction moves at once, and is not corrected by what confirms it", () => {
  const prediction = new Prediction();
  prediction.restart({ x: 10, y: 10 });
  assertEquals(prediction.move("right", alone), {
    sequence: 1,
    heading: "right",
  });
  prediction.move("right", alone);
  assertEquals(prediction.at, { x: 12, y: 10 });
  prediction.reconcile({ x: 10, y: 10 }, 0, alone);
  prediction.reconcile({ x: 11, y: 10 }, 1, alone);
  assertEquals(prediction.at, { x: 12, y: 10 });
  assertEquals(prediction.path, [{ x: 12, y: 10 }]);
  prediction.reconcile({ x: 12, y: 10 }, 2, alone);
  assertEquals([prediction.at, prediction.path], [{ x: 12, y: 10 }, []]);
  assertEquals(prediction.corrections, 0);
});

Deno.test("Prediction makes unconfirmed moves again from where the server has it", () => {
  const prediction = new Prediction();
  prediction.restart({ x: 10, y: 10 });
  for (const heading of ["right", "right", "down"] as const) {
    prediction.move(heading, alone);
  }
  // Another player stood in the way of the first move.
  prediction.reconcile({ x: 10, y: 10 }, 1, alone);
  assertEquals(prediction.at, { x: 11, y: 11 });
  assertEquals(prediction.corrections, 1);
});

Deno.test("Prediction waits for the network with 64 unconfirmed moves", () => {
  const prediction = new Prediction();
  prediction.restart({ x: 10, y: 10 });
  for (let i = 0; i < 64; i++) {
    prediction.move(i % 2 === 0 ? "right" : "left", alone);
  }
  assertEquals(prediction.move("right", alone), undefined);
  assertEquals(prediction.at, { x: 10, y: 10 });
  prediction.reconcile({ x: 10, y: 10 }, 2, alone);
  assertEquals(prediction.move("right", alone)?.sequence, 65);
});

function add(seat: Seat, from: number, to: number): void {
  for (let sequence = from; sequence <= to; sequence++) {
    seat.add({ sequence, heading: "up" });
  }
}

Deno.test("Seat gives one move a tick, and makes up for a few that were late", () => {
  const seat = new Seat(1, "ann");
  for (let tick = 0; tick < 10; tick++) assertEquals(seat.takeMoves(), []);
  add(seat, 1, 8);
  const perTick = Array.from({ length: 7 }, () => seat.takeMoves().length);
  assertEquals(perTick, [4, 1, 1, 1, 1, 0, 0]);
  assertEquals(seat.acked, 8);
});

Deno.test("Seat gains nothing from a flood of inputs, old ones or repeated ones", () => {
  const seat = new Seat(1, "ann");
  add(seat, 1, 1_000);
  add(seat, 1, 1_000);
  let moves = 0;
  for (let tick = 0; tick < 100; tick++) moves += seat.takeMoves().length;
  assertEquals([moves, seat.acked], [16, 1_000]);
  add(seat, 990, 1_000);
  assertEquals(seat.takeMoves(), []);
});

Deno.test("Seat belongs to who has its token, and disconnects who had it before", () => {
  const seat = new Seat(1, "ann");
  assertEquals(seat.owns(seat.token.slice()), true);
  for (
    const wrong of [
      new Uint8Array(16),
      new Uint8Array(0),
      seat.token.map((byte, i) => i === 15 ? byte ^ 1 : byte),
    ]
  ) {
    assertEquals(seat.owns(wrong), false);
  }
  let disconnected = 0;
  seat.take(() => disconnected++);
  seat.lose(5);
  assertEquals([seat.isLost, disconnected], [true, 0]);
  seat.take(() => disconnected++);
  seat.take(() => {});
  assertEquals([seat.isLost, disconnected], [false, 1]);
});
