/**
 * A room, and what was said in it.
 *
 * @module
 */

/** A person in the chat. */
export interface Member {
  /** What the others call this member. */
  name: string;
  /** Where it is. */
  room: Room;
  /** Shows it a line. Never waits. */
  readonly hear: (line: string) => void;
}

interface Remark {
  readonly atMs: number;
  readonly line: string;
}

/** Members who hear each other. */
export class Room {
  readonly name: string;
  readonly members = new Set<Member>();
  readonly #mostRemarks: number;
  readonly #history: Remark[] = [];

  /**
   * @param name What it is called.
   * @param mostRemarks How much of what was said newcomers get to see.
   */
  constructor(name: string, mostRemarks: number) {
    this.name = name;
    this.#mostRemarks = mostRemarks;
  }

  /** All others hear what a member says; it is remembered. */
  say(from: Member, text: string): void {
    const line = `${from.name}: ${text}`;
    this.#tell(line, from);
    this.#history.push({ atMs: Date.now(), line });
    if (this.#history.length > this.#mostRemarks) this.#history.shift();
  }

  /** All others hear what happened to a member; it is not remembered. */
  announce(what: string, about: Member): void {
    this.#tell(`* ${what}`, about);
  }

  #tell(line: string, except: Member): void {
    for (const member of this.members) if (member !== except) member.hear(line);
  }

  /** What was said lately, oldest first. */
  get history(): string[] {
    const now = Date.now();
    return this.#history.map(({ atMs, line }) =>
      `(${age(now - atMs)}) ${line}`
    );
  }
}

/** Needs no time zone: each reader has another. */
function age(ms: number): string {
  const minutes = Math.floor(Math.max(0, ms) / 60_000);
  if (minutes < 1) return "just now";
  if (minutes < 120) return `${minutes} min ago`;
  return `${Math.floor(minutes / 60)} h ago`;
}
