/**
 * What is pressed on the keyboard.
 *
 * @module
 */

import type { Heading } from "./arena.ts";

/** What a key asks for. */
export type Wish = Heading | "quit";

const KEYS: Readonly<Record<string, Wish>> = {
  "\x1b[A": "up",
  "\x1b[B": "down",
  "\x1b[C": "right",
  "\x1b[D": "left",
  w: "up",
  s: "down",
  d: "right",
  a: "left",
  " ": "stay",
  q: "quit",
  "\x03": "quit", // Ctrl-C: a raw terminal makes no signal of it.
};

/**
 * Arrow keys are three characters, in one of two ways that terminals have for them.
 * Other keys of several characters are one unknown key, not its letters.
 */
// deno-lint-ignore no-control-regex
const KEY = /\x1b[[O][0-9;]*[A-Za-z~]|[^]/g;

/** The wishes in what was read from a raw terminal, in order. */
export function wishes(text: string): Wish[] {
  const keys = text.match(KEY) ?? [];
  return keys.map((key) => KEYS[key.replace("\x1bO", "\x1b[")])
    .filter((wish) => wish !== undefined);
}

/** Tells of each wish as it is typed, until the input ends. */
export async function readKeys(onWish: (wish: Wish) => void): Promise<void> {
  const decoder = new TextDecoder();
  for await (const chunk of Deno.stdin.readable) {
    for (const wish of wishes(decoder.decode(chunk))) onWish(wish);
  }
  onWish("quit");
}
