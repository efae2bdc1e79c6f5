/**
 * The members of the chat and their rooms. Knows nothing of sockets.
 *
 * @module
 */

import { Lookalikes } from "../_lookalikes.ts";
import { type Member, Room } from "./room.ts";
import { isName, NAME_RULE, nameKey } from "./text.ts";

/** Where all members start; it is never taken down. */
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
  /** No member may look like another one, and no room like another room. */
  readonly #members = new Lookalikes<Member>();
  readonly #names = new Lookalikes<Room>();
  readonly #rooms = new Set<Room>();
  readonly #lobby: Room;

  /** @param mostRemarks How much each room remembers. */
  constructor(mostRemarks: number) {
    this.#mostRemarks = mostRemarks;
    this.#lobby = this.#open(LOBBY);
  }

  /**
   * A member comes in.
   *
   * @param name What to be called.
   * @param hear Shows lines to this member; must not wait.
   * @throws {Refusal} The name is taken, or is none.
   */
  enter(name: string, hear: (line: string) => void): Member {
    this.#checkFree(name);
    const member = { name, hear, room: this.#lobby };
    this.#members.set(name, member);
    hear(`* welcome, ${name}; /help shows what you can do`);
    this.#goIn(member);
    return member;
  }

  /** A member leaves, for any reason. */
  leave(member: Member): void {
    this.#members.delete(member.name);
    this.#goOut(member, "left");
  }

  /** @throws {Refusal} The name is taken, or is none. */
  rename(member: Member, name: string): void {
    this.#checkFree(name, member);
    this.#members.delete(member.name);
    this.#members.set(name, member);
    member.room.announce(`${member.name} is now ${name}`, member);
    member.name = name;
    member.hear(`* you are now ${name}`);
  }

  /** @throws {Refusal} It is no name, or there are too many rooms. */
  join(member: Member, roomName: string): void {
    checkName(roomName);
    const [room = this.#open(roomName)] = this.#names.get(roomName);
    if (room === member.room) {
      throw new Refusal(`you are in ${room.name} already`);
    }
    this.#goOut(member, `went to ${room.name}`);
    member.room = room;
    this.#goIn(member);
  }

  /**
   * Tells one person alone. The name must be the person's own: what merely looks like
   * it may have been meant for one who has left.
   *
   * @throws {Refusal} There is no member of this name.
   */
  tell(from: Member, name: string, text: string): void {
    const to = [...this.#members.get(name)]
      .find((each) => nameKey(each.name) === nameKey(name));
    if (to === undefined) throw new Refusal(`there is no ${name} here`);
    to.hear(`${from.name} -> ${to.name}: ${text}`);
    if (to !== from) from.hear(`* ${to.name} was told`);
  }

  /** The members of the same room. */
  who({ room }: Member): string {
    const names = [...room.members].map(({ name }) => name);
    return `in ${room.name}: ${list(names)}`;
  }

  /** Which rooms there are. */
  rooms(): string {
    const names = [...this.#rooms]
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
    this.#rooms.add(room);
    this.#names.set(name, room);
    return room;
  }

  #closeEmptyRoom(): void {
    for (const room of this.#rooms) {
      if (room.members.size > 0 || room === this.#lobby) continue;
      this.#rooms.delete(room);
      this.#names.delete(room.name);
      return;
    }
    throw new Refusal(
      `there are ${MOST_ROOMS} rooms already; /rooms lists them`,
    );
  }

  #checkFree(name: string, except?: Member): void {
    checkName(name);
    for (const owner of this.#members.get(name)) {
      if (owner === except) continue;
      throw new Refusal(
        nameKey(owner.name) === nameKey(name)
          ? `the name ${owner.name} is taken`
          : `${name} looks like ${owner.name}, a name that is taken`,
      );
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
