/**
 * A room, and what was said in it.
 *
 * @module
 */

import type { Hub } from "@sluice/net/hub";
import type { Listener } from "./listener.ts";
import { formatSaid, type Remark } from "./marks.ts";
import { formatMark, newPublisher, Position } from "./position.ts";

/** A person in the chat. */
export interface Member {
  /** What the others call this member. */
  name: string;
  /** Where it is. */
  room: Room;
  /** Its connection; undefined for one that is connected to another server. */
  readonly listener: Listener | undefined;
  /** The other server. */
  readonly server: string | undefined;
  /** Proves that it is the same again after a loss; empty for one that cannot. */
  readonly key: string;
}

/** Members who hear each other. */
export class Room {
  readonly name: string;
  readonly members = new Set<Member>();
  /** Who this server is among those that number what is said here. */
  readonly publisher = newPublisher();
  readonly #hub: Hub<string>;
  readonly #mostRemarks: number;
  #remarks: Remark[] = [];
  readonly #position = new Position();
  #lastAt = 0;

  /**
   * @param name What it is called.
   * @param hub Where its members listen.
   * @param mostRemarks How much of what was said is remembered.
   */
  constructor(name: string, hub: Hub<string>, mostRemarks: number) {
    this.name = name;
    this.#hub = hub;
    this.#mostRemarks = mostRemarks;
  }

  // ---- members ------------------------------------------------------------

  /** Lets a member hear what is said from now on; first it gets what was said before. */
  tellHistory({ listener }: Member): void {
    if (listener === undefined) return;
    const { session } = listener;
    listener.enter(session === undefined ? this.#plain : this.#marked);
    if (session?.room !== this.name) {
      for (const line of this.history) listener.hear(line);
      return;
    }
    const { heard } = session;
    if (Array.from(heard).some(([each]) => !this.#position.has(each))) {
      listener.hear("* lines may be missing here: they were said elsewhere");
    }
    for (const remark of this.#remarks) {
      if (remark.sequence <= heard.last(remark.publisher)) continue;
      listener.hear(formatSaid(remark));
    }
    listener.hear(`=upto ${this.#position}`);
  }

  /** Tells a member that wants marks where it is. */
  tellPlace({ name, listener }: Member): void {
    if (listener?.session === undefined) return;
    listener.hear(`=at ${name} ${this.name} ${this.#position}`);
  }

  // Those who want marks and those who do not: each line is encoded once for either.
  get #plain(): string {
    return `room ${this.name}`;
  }
  get #marked(): string {
    return `marked room ${this.name}`;
  }

  // ---- what is said -------------------------------------------------------

  /** All others hear what a member says; it is remembered. */
  say({ name, listener }: Member, text: string): Remark {
    const remark = {
      publisher: this.publisher,
      sequence: this.#position.last(this.publisher) + 1,
      // Of one server, the order of times is that of numbers.
      at: this.#lastAt = Math.max(this.#lastAt, Date.now()),
      line: `${name}: ${text}`,
    };
    this.#note(remark, listener);
    return remark;
  }

  /** What was said to another server. */
  hearSaid(remark: Remark): void {
    const { publisher, sequence } = remark;
    // Whatever it had said before it was heard of was not for those who are here.
    this.startAt(publisher, sequence - 1);
    if (sequence > this.#position.last(publisher)) this.#note(remark);
  }

  #note(remark: Remark, from?: Listener): void {
    const { publisher, sequence, line } = remark;
    this.#tellMissing(this.#position.see(publisher, sequence));
    this.#hub.publish(this.#plain, line, { except: from?.connection });
    // Its sender too, as it has to know the number.
    this.#hub.publish(this.#marked, formatSaid(remark));
    this.#remarks.push(remark);
    if (this.#remarks.length > this.#mostRemarks) this.#remarks.shift();
  }

  /** All others hear what happened to a member; it is not remembered. */
  announce(what: string, about?: Member): void {
    const except = about?.listener?.connection;
    for (const topic of [this.#plain, this.#marked]) {
      this.#hub.publish(topic, `* ${what}`, { except });
    }
  }

  // ---- other servers ------------------------------------------------------

  /** What a server had said before it was heard of here. */
  startAt(publisher: string, sequence: number): void {
    if (this.#position.has(publisher) || sequence < 1) return;
    this.#position.see(publisher, sequence);
    const mark = formatMark(publisher, sequence);
    this.#hub.publish(this.#marked, `=from ${mark}`);
  }

  /** What a server has said by now: what has not come will not come. */
  reach(publisher: string, sequence: number): void {
    if (!this.#position.has(publisher)) {
      return this.startAt(publisher, sequence);
    }
    if (sequence <= this.#position.last(publisher)) return;
    this.#tellMissing(this.#position.see(publisher, sequence) + 1);
    const mark = formatMark(publisher, sequence);
    this.#hub.publish(this.#marked, `=upto ${mark}`);
  }

  /** Clients with marks see by themselves what is missing. */
  #tellMissing(missing: number): void {
    if (missing <= 0) return;
    this.#hub.publish(
      this.#plain,
      `* ${missing} lines of another server are missing here`,
    );
  }

  /** How many were said to this server. */
  get said(): number {
    return this.#position.last(this.publisher);
  }

  /** What is remembered, for a server that has been started. */
  get memory(): { position: string; remarks: readonly Remark[] } {
    return { position: String(this.#position), remarks: this.#remarks };
  }

  /** Takes what another server remembers. */
  remember(position: Position, remarks: readonly Remark[]): void {
    const known = new Set(this.#remarks.map(markOf));
    const more = remarks.filter((each) =>
      !known.has(markOf(each)) &&
      each.sequence <= position.last(each.publisher) &&
      !this.#position.has(each.publisher)
    );
    for (const [publisher, sequence] of position) {
      this.startAt(publisher, sequence);
    }
    if (more.length === 0) return;
    this.#remarks = [...this.#remarks, ...more]
      .toSorted((a, b) => a.at - b.at || a.sequence - b.sequence)
      .slice(-this.#mostRemarks || Infinity);
  }

  /** What was said lately, oldest first. */
  get history(): string[] {
    const now = Date.now();
    return this.#remarks.map(({ at, line }) => `(${age(now - at)}) ${line}`);
  }
}

function markOf({ publisher, sequence }: Remark): string {
  return formatMark(publisher, sequence);
}

/** Needs no time zone: each reader has another. */
function age(ms: number): string {
  const minutes = Math.floor(Math.max(0, ms) / 60_000);
  if (minutes < 1) return "just now";
  if (minutes < 120) return `${minutes} min ago`;
  return `${Math.floor(minutes / 60)} h ago`;
}
