/**
 * What a player sees. Pure: a game goes in, lines of text come out.
 *
 * @module
 */

import { HEIGHT, type Point, same, WIDTH } from "./arena.ts";
import { cleanText } from "../_safe_text.ts";
import { MOST_PLAYERS } from "./match.ts";
import type { SeenPlayer } from "./protocol.ts";
import type { Session } from "./session.ts";

/** Columns and rows that a view takes. */
export const COLUMNS = 2 * WIDTH;
export const ROWS = HEIGHT + 4;

/** How to color a text; `none` leaves it as it is. */
export type Paint = (text: string, color: number) => string;

/** Colors by the escape sequences of terminals. */
export const ansi: Paint = (text, color) => `\x1b[${color}m${text}\x1b[0m`;
/** No colors. */
export const plain: Paint = (text) => text;

const WALL = 90;
const GEM = 96;
const OWN = 92;
const OTHER = 93;
const FAINT = 90;

/** The lines of a session's view, `ROWS` of them. */
export function view(session: Session, paint: Paint): string[] {
  const { snapshot } = session;
  if (snapshot === undefined) return ["connecting ..."];
  // Another server than ours may send more of them, and longer names.
  const players = snapshot.players.slice(0, MOST_PLAYERS).map((player) =>
    // One's own player is where the prediction has it.
    player.id === session.id ? { ...player, ...session.at } : player
  );
  const rows = [title(session)];
  for (let y = 0; y < HEIGHT; y++) {
    let row = "";
    for (let x = 0; x < WIDTH; x++) {
      row += cell(session, players, { x, y }, paint);
    }
    rows.push(row);
  }
  const scores = players.toSorted((a, b) => b.gems - a.gems)
    .map((player) => score(player, session.id, paint));
  const half = Math.ceil(scores.length / 2);
  rows.push(scores.slice(0, half).join("   "), scores.slice(half).join("   "));
  rows.push(
    session.id === 0
      ? "you are a spectator   q leaves"
      : "arrows or wasd go, space stops, q leaves",
  );
  return rows;
}

function title(session: Session): string {
  const { snapshot, roundTripMs, goal } = session;
  const { phase, tick, winner, players } = snapshot!;
  if (!session.online) return "connection lost; trying again ...";
  if (phase === "waiting") return "waiting for other players ...";
  if (phase === "over") {
    const best = players.find(({ id }) => id === winner);
    const name = best === undefined ? "a player" : shownName(best);
    return `${name} has won! The next match begins soon.`;
  }
  const trip = roundTripMs === undefined
    ? ""
    : `, ${roundTripMs.toFixed(0)} ms`;
  return `first to ${goal} gems wins   (tick ${tick}${trip})`;
}

function shownName({ name }: SeenPlayer): string {
  return cleanText(name.slice(0, 12));
}

/** Two columns for each cell: characters are twice as high as wide. */
function cell(
  { arena, gems, id }: Session,
  players: readonly SeenPlayer[],
  at: Point,
  paint: Paint,
): string {
  if (arena.isWall(at)) return paint("##", WALL);
  const player = players.find((each) => same(each, at));
  if (player !== undefined) return paint(glyph(player, id), color(player, id));
  return gems.some((gem) => same(gem, at)) ? paint("<>", GEM) : "  ";
}

function glyph(player: SeenPlayer, own: number): string {
  return `${player.id === own ? "@" : player.away ? "?" : "&"}${player.id}`;
}

function color(player: SeenPlayer, own: number): number {
  if (player.id === own) return OWN;
  return player.away || player.safe ? FAINT : OTHER;
}

function score(player: SeenPlayer, own: number, paint: Paint): string {
  const text = `${glyph(player, own)} ${shownName(player)} ${player.gems}`;
  return paint(text, color(player, own));
}
