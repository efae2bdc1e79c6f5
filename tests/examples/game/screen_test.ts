import { assert, assertEquals, assertMatch } from "@std/assert";
import { memoryPair } from "@sluice/net/testing";
import { framed } from "@sluice/net";
import { wishes } from "../../../examples/game/keys.ts";
import {
  type ServerPacket,
  serverSide,
} from "../../../examples/game/protocol.ts";
import { Session } from "../../../examples/game/session.ts";
import { COLUMNS, plain, ROWS, view } from "../../../examples/game/view.ts";

Deno.test("wishes() knows arrows, letters and Ctrl-C, and nothing inside other keys", () => {
  assertEquals(wishes("\x1b[A\x1bOBdq\x03"), [
    "up",
    "down",
    "right",
    "quit",
    "quit",
  ]);
  assertEquals(wishes("\x1b[15~\x1b[1;5D\x1b[3~ xé"), ["stay"]);
});

/** A session that was told these packets, at `10,5`. */
async function told(...packets: ServerPacket[]): Promise<Session> {
  const [client, server] = memoryPair();
  const connection = framed(server, serverSide);
  const end = new AbortController();
  const session = new Session({
    name: "ann",
    dial: () => Promise.resolve(client),
    onSnapshot: () => end.abort(),
  });
  const playing = session.play(() => "stay", end.signal);
  await connection.sendAll(packets);
  await server.closeWrite();
  await playing;
  await server.close();
  return session;
}

const player = {
  id: 1,
  name: "ann",
  x: 10,
  y: 10,
  gems: 2,
  safe: false,
  away: false,
};
const welcome = {
  type: "welcome",
  id: 1,
  token: new Uint8Array(16),
  tickMs: 100,
  goal: 9,
} as const;
const snapshot = {
  type: "snapshot",
  tick: 12,
  seed: 7,
  phase: "over",
  winner: 2,
  acked: 0,
  players: [player, {
    ...player,
    id: 2,
    name: "b\x1b[2J\x07b",
    x: 11,
    away: true,
  }],
  gems: [{ x: 12, y: 10 }],
} as const;

Deno.test("view() shows walls, players and gems, all rows of one width", async () => {
  const session = await told(welcome, {
    ...snapshot,
    players: [...snapshot.players],
    gems: [...snapshot.gems],
  });
  const rows = view(session, plain);
  assertEquals(rows.length, ROWS);
  const field = rows.slice(1, -3);
  for (const row of field) assertEquals(row.length, COLUMNS);
  assertEquals(field[0], "#".repeat(COLUMNS));
  assertEquals(field[10].slice(20, 26), "@1?2<>");
});

Deno.test("view() shows nothing that would steer the terminal", async () => {
  const session = await told(welcome, {
    ...snapshot,
    players: [...snapshot.players],
    gems: [],
  });
  const text = view(session, plain).join("");
  // deno-lint-ignore no-control-regex
  assert(!/[\x00-\x1f]/.test(text));
  assertMatch(text, /\?2 b\[2Jb 2/);
});

Deno.test(
  "Session takes a gem off the screen as soon as its player walks on it",
  {
    timeout: 10_000,
  },
  async () => {
    const [client, server] = memoryPair();
    const end = new AbortController();
    const session = new Session({
      name: "ann",
      dial: () => Promise.resolve(client),
    });
    const seen: number[] = [];
    const playing = session.play(() => {
      if (session.snapshot !== undefined) seen.push(session.gems.length);
      if (seen.length === 2) end.abort();
      return "right";
    }, end.signal);
    await framed(server, serverSide).sendAll([
      { ...welcome, tickMs: 10 },
      {
        ...snapshot,
        phase: "running",
        players: [player],
        gems: [{ x: 11, y: 10 }, { x: 12, y: 10 }],
      },
    ]);
    end.signal.addEventListener("abort", () => server.closeWrite());
    await playing;
    await server.close();
    assertEquals([seen, session.at], [[2, 1], { x: 12, y: 10 }]);
  },
);
