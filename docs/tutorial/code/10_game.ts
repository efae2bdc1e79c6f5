import { connect, framed, interval, lengthPrefixed, serve } from "@sluice/net";
import {
  enumOf,
  i16,
  i8,
  packets,
  struct,
  u16,
  u8,
  union,
  utf8,
} from "@sluice/net/codec";

// What players say: who they are, a step to the left or right, and that they are ready.
const up = packets(
  union({ type: enumOf(u8, { hello: 1, step: 2, ready: 3 }) }, {
    hello: struct({ name: utf8(u8) }),
    step: struct({ sequence: u16, dx: i8 }),
    ready: struct({}),
  }),
  lengthPrefixed({ lengthBytes: 2, maxFrameBytes: 64 }),
);
// What the server says at each tick: where the player is, and its last step in there.
const down = packets(
  struct({ tick: u16, acked: u16, x: i16 }),
  lengthPrefixed({ lengthBytes: 2, maxFrameBytes: 64 }),
);

/** A player as the server knows it. */
class Player {
  x = 0;
  acked = 0;
  readonly steps: { sequence: number; dx: number }[] = [];
}

const players = new Set<Player>();
const allReady = Promise.withResolvers<void>();
let ready = 0;

await using server = serve({ port: 0 }, async (socket, { signal }) => {
  const player = new Player();
  players.add(player);
  for await (const packet of framed(socket, up)) {
    // A queue with an end: a player that floods loses steps, and nothing else.
    if (packet.type === "step" && player.steps.length < 20) {
      player.steps.push(packet);
    }
    if (packet.type === "ready") break;
  }
  if (++ready === 2) allReady.resolve();
  await allReady.promise;

  // The clock of the game: one step for each player at each tick, and no more.
  const connection = framed(socket, down);
  let tick = 0;
  for await (const _ of interval(50, { signal })) {
    tick++;
    const step = player.steps.shift();
    if (step !== undefined) {
      player.x += Math.sign(step.dx);
      player.acked = step.sequence;
    }
    await connection.send({ tick, acked: player.acked, x: player.x });
    if (tick === 5) return;
  }
});

async function play(name: string, steps: number, dx: number): Promise<string> {
  await using socket = await connect({ port: server.addr.port });
  const connection = framed(socket, up);
  await connection.send({ type: "hello", name });
  let predicted = 0;
  for (let sequence = 1; sequence <= steps; sequence++) {
    await connection.send({ type: "step", sequence, dx });
    predicted += dx; // On the own screen at once, without waiting.
  }
  await connection.send({ type: "ready" });
  connection.detach();

  let x = 0;
  for await (const snapshot of framed(socket, down)) x = snapshot.x;
  return `${name} thinks ${predicted}, the server says ${x}`;
}

const results = await Promise.all([play("ann", 5, 1), play("eve", 100, 100)]);
for (const result of results) console.log(result);
