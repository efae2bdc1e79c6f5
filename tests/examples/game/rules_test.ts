import { assert, assertEquals } from "@std/assert";
import {
  Arena,
  HEIGHT,
  MOVES,
  next,
  type Point,
  same,
  walk,
  WIDTH,
} from "../../../examples/game/arena.ts";
import {
  Match,
  MOST_PLAYERS,
  PAUSE_TICKS,
  type Player,
} from "../../../examples/game/match.ts";
import { headingToGem } from "../../../examples/game/bot_brain.ts";

/** All free cells of an arena. */
function freeCells(arena: Arena): Point[] {
  const cells: Point[] = [];
  for (let y = 0; y < HEIGHT; y++) {
    for (let x = 0; x < WIDTH; x++) {
      if (!arena.isWall({ x, y })) cells.push({ x, y });
    }
  }
  return cells;
}

/** A seed whose field has no wall around 10,10. */
function roomySeed(): number {
  let seed = 0;
  for (;; seed++) {
    const arena = new Arena(seed);
    const cells = Array.from(
      { length: 15 },
      (_, i) => ({ x: 9 + i % 5, y: 9 + Math.floor(i / 5) }),
    );
    if (!cells.some((cell) => arena.isWall(cell))) return seed;
  }
}
const SEED = roomySeed();

/** A match that has begun, with players at these places and no gem near. */
function running(...places: Point[]): { match: Match; players: Player[] } {
  const match = new Match({ seed: SEED, goal: 3, least: 1 });
  const players = places.map((place, i) =>
    Object.assign(match.add(`p${i}`)!, place)
  );
  match.advance();
  match.gems = [];
  return { match, players };
}

Deno.test("Arena is closed, and every free cell can be reached, whatever the seed", () => {
  for (let seed = 0; seed < 200; seed++) {
    const arena = new Arena(seed);
    const free = freeCells(arena);
    assert(free.length > 200, `seed ${seed} has ${free.length} free cells`);
    for (const { x, y } of free) {
      assert(x > 0 && x < WIDTH - 1 && y > 0 && y < HEIGHT - 1);
    }
    const reached = [free[0]];
    for (const at of reached) {
      for (const heading of MOVES) {
        const to = walk(arena, at, heading, []);
        if (!reached.some((each) => same(each, to))) reached.push(to);
      }
    }
    assertEquals(reached.length, free.length);
  }
});

Deno.test("Arena is the same for the same seed, and another for another", () => {
  assertEquals(freeCells(new Arena(3)), freeCells(new Arena(3)));
  assert(
    JSON.stringify(freeCells(new Arena(3))) !==
      JSON.stringify(freeCells(new Arena(4))),
  );
});

Deno.test("walk() stops at walls and at others", () => {
  const arena = new Arena(SEED);
  const from = { x: 10, y: 10 };
  assertEquals(walk(arena, from, "right", []), { x: 11, y: 10 });
  assertEquals(walk(arena, from, "right", [{ x: 11, y: 10 }]), from);
  assertEquals(walk(arena, { x: 1, y: 1 }, "up", []), { x: 1, y: 1 });
});

Deno.test("Match gives a gem to who walks on it, and places another", () => {
  const { match, players: [player] } = running({ x: 10, y: 10 });
  match.gems = [{ x: 11, y: 10 }];
  match.move(player.id, "right");
  assertEquals([player.gems, match.gems.length], [1, 0]);
  match.advance();
  assertEquals(match.gems.length, 6);
});

Deno.test("Match lets one rob another, who is then safe for two seconds", () => {
  const { match, players: [robber, victim] } = running({ x: 10, y: 10 }, {
    x: 11,
    y: 10,
  });
  victim.gems = 2;
  match.move(robber.id, "right");
  match.move(robber.id, "right");
  assertEquals([robber.gems, victim.gems, robber.x], [1, 1, 10]);
  for (let tick = 0; tick < 20; tick++) match.advance();
  match.move(robber.id, "right");
  assertEquals([robber.gems, victim.gems], [2, 0]);
  for (let tick = 0; tick < 20; tick++) match.advance();
  match.move(robber.id, "right");
  assertEquals(robber.gems, 2);
});

Deno.test("Match is over at the goal, and begins anew elsewhere after a pause", () => {
  const { match, players: [player, other] } = running({ x: 10, y: 10 }, {
    x: 20,
    y: 10,
  });
  player.gems = 2;
  match.gems = [{ x: 11, y: 10 }];
  match.move(player.id, "right");
  assertEquals([match.phase, match.winner], ["over", player.id]);
  const { x } = other;
  match.move(other.id, "right");
  assertEquals(other.x, x);
  for (let tick = 0; tick < PAUSE_TICKS; tick++) match.advance();
  assertEquals([match.phase, match.winner, match.arena.seed], [
    "waiting",
    0,
    SEED + 1,
  ]);
  assertEquals([player.gems, other.gems], [0, 0]);
  match.advance();
  assertEquals(match.phase, "running");
});

Deno.test("Match waits for enough players, and takes no more than it has room for", () => {
  const match = new Match({ seed: 1, goal: 3, least: 2 });
  match.add("first");
  match.advance();
  assertEquals(match.phase, "waiting");
  const ids = Array.from({ length: MOST_PLAYERS }, () => match.add("more")?.id);
  assertEquals(ids, [2, 3, 4, 5, 6, 7, 8, undefined]);
  match.advance();
  assertEquals(match.phase, "running");
  match.remove(3);
  assertEquals(match.add("again")?.id, 3);
});

Deno.test("headingToGem() goes round walls and people, to the nearest gem", () => {
  const arena = new Arena(SEED);
  const free = freeCells(arena);
  for (const gem of [free[0], free.at(-1)!]) {
    let at: Point = { x: 10, y: 10 };
    const others = [next(at, "down"), next(at, "left")];
    let steps = 0;
    while (!same(at, gem) && steps++ < 60) {
      const to = walk(
        arena,
        at,
        headingToGem(arena, at, [gem], others),
        others,
      );
      assert(!same(to, at), `stuck at ${at.x},${at.y}`);
      at = to;
    }
    assert(same(at, gem));
  }
  assertEquals(headingToGem(arena, { x: 10, y: 10 }, [], []), "stay");
});

Deno.test("a whole match of bots is the same for the same seed", () => {
  function play(seed: number): string {
    const match = new Match({ seed, goal: 10, least: 3 });
    for (const name of ["a", "b", "c"]) match.add(name);
    while (match.phase !== "over") {
      for (const player of match.players.values()) {
        const others = [...match.players.values()].filter((each) =>
          each !== player
        );
        match.move(
          player.id,
          headingToGem(match.arena, player, match.gems, others),
        );
      }
      match.advance();
      assert(match.tick < 2_000);
    }
    return JSON.stringify([match.tick, ...match.players.values()]);
  }
  assertEquals(play(5), play(5));
  assert(play(5) !== play(6));
});
