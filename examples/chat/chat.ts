/**
 * Who is in the chat, and where. Knows nothing of sockets.
 *
 * @module
 */

import { type Member, Room } from "./room.ts";
import { isName, NAME_RULE, nameKey } from "./text.ts";

/** Where everybody starts; it is never taken down. */
const LOBBY = "lobby";
/** Rooms at once. Empty ones make room for new ones. */
const MOST_ROOMS = 100;
/** Names in one list. */
const MOST_LISTED = 50;

/** Why something cannot be done; its message is for the member who asked. */
export class Refusal extends Error {
  static {
    this.prototype.name = "Refusal";
  }
}

/** All members and all rooms. */
export class Chat {
  readonly #mostRemarks: number;
  readonly #members = new Map<string, Member>();
  readonly #rooms = new Map<string, Room>();

  /** @param mostRemarks How much each room remembers. */
  constructor(mostRemarks: number) {
    this.#mostRemarks = mostRemarks;
    this.#rooms.set(LOBBY, new Room(LOBBY, mostRemarks));
  }

  /**
   * Somebody comes in.
   *
   * @param name What to be called.
   * @param hear Shows lines to this member; must not wait.
   * @throws {Refusal} The name is taken, or is none.
   */
  enter(name: string, hear: (line: string) => void): Member {
    this.#checkFree(name);
    const member = { name, hear, room: this.#rooms.get(LOBBY)! };
    this.#members.set(nameKey(name), member);
    hear(`* welcome, ${name}; /help shows what you can do`);
    this.#goIn(member);
    return member;
  }

  /** Somebody leaves, for whatever reason. */
  leave(member: Member): void {
    this.#members.delete(nameKey(member.name));
    this.#goOut(member, "left");
  }

  /** @throws {Refusal} The name is taken, or is none. */
  rename(member: Member, name: string): void {
    this.#checkFree(name, member);
    this.#members.delete(nameKey(member.name));
    this.#members.set(nameKey(name), member);
    member.room.announce(`${member.name} is now ${name}`, member);
    member.name = name;
    member.hear(`* you are now ${name}`);
  }

  /** @throws {Refusal} It is no name, or there are too many rooms. */
  join(member: Member, roomName: string): void {
    checkName(roomName);
    const room = this.#rooms.get(nameKey(roomName)) ?? this.#open(roomName);
    if (room === member.room) {
      throw new Refusal(`you are in ${room.name} already`);
    }
    this.#goOut(member, `went to ${room.name}`);
    member.room = room;
    this.#goIn(member);
  }

  /** @throws {Refusal} Nobody is called so. */
  tell(from: Member, name: string, text: string): void {
    const to = this.#members.get(nameKey(name));
    if (to === undefined) throw new Refusal(`nobody is called ${name}`);
    to.hear(`${from.name} -> ${to.name}: ${text}`);
    if (to !== from) from.hear(`* ${to.name} was told`);
  }

  /** Who is in the same room. */
  who({ room }: Member): string {
    const names = [...room.members].map(({ name }) => name);
    return `in ${room.name}: ${list(names)}`;
  }

  /** Which rooms there are. */
  rooms(): string {
    const names = [...this.#rooms.values()]
      .map(({ name, members }) => `${name} (${members.size})`);
    return `rooms: ${list(names)}`;
  }

  #goIn(member: Member): void {
    const { room, hear } = member;
    room.members.add(member);
    for (const line of room.history) hear(line);
    room.announce(`${member.name} came`, member);
    hear(`* ${this.who(member)}`);
  }

  #goOut(member: Member, how: string): void {
    const { room } = member;
    room.members.delete(member);
    room.announce(`${member.name} ${how}`, member);
  }

  #open(name: string): Room {
    if (this.#rooms.size >= MOST_ROOMS) this.#closeEmptyRoom();
    const room = new Room(name, this.#mostRemarks);
    this.#rooms.set(nameKey(name), room);
    return room;
  }

  #closeEmptyRoom(): void {
    for (const [key, { members }] of this.#rooms) {
      if (members.size > 0 || key === LOBBY) continue;
      this.#rooms.delete(key);
      return;
    }
    throw new Refusal(
      `there are ${MOST_ROOMS} rooms already; /rooms lists them`,
    );
  }

  #checkFree(name: string, except?: Member): void {
    checkName(name);
    const owner = this.#members.get(nameKey(name));
    if (owner !== undefined && owner !== except) {
      throw new Refusal(`somebody is called ${owner.name} already`);
    }
  }
}

function checkName(name: string): void {
  if (!isName(name)) throw new Refusal(`a name must be ${NAME_RULE}`);
}

function list(names: string[]): string {
  const more = names.length - MOST_LISTED;
  const shown = names.slice(0, MOST_LISTED).join(", ");
  return more > 0 ? `${shown} and ${more} more` : shown;
}
