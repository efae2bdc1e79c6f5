/**
 * The members of the chat and their rooms, here and on other servers. Knows nothing of
 * sockets, nor of what carries events between servers.
 *
 * @module
 */

import type { Hub } from "@sluice/net/hub";
import { Lookalikes } from "../_lookalikes.ts";
import type { ChatEvent } from "./events.ts";
import type { Listener } from "./listener.ts";
import { Position } from "./position.ts";
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

/** What a chat is made of. */
export interface ChatOptions {
  /** Where its members listen. */
  hub: Hub<string>;
  /** How much each room remembers. */
  mostRemarks: number;
  /** Tells the other servers, where there are any. */
  tellOthers?: (event: ChatEvent) => void;
}

/** All members and all rooms. */
export class Chat {
  readonly #hub: Hub<string>;
  readonly #mostRemarks: number;
  readonly #tellOthers: (event: ChatEvent) => void;
  /** No member may look like another one, and no room like another room. */
  readonly #members = new Lookalikes<Member>();
  readonly #names = new Lookalikes<Room>();
  readonly #rooms = new Set<Room>();
  readonly #lobby: Room;
  /** Those who are connected here, and those of each other server by name. */
  readonly #locals = new Set<Member>();
  readonly #remotes = new Map<string, Map<string, Member>>();

  constructor({ hub, mostRemarks, tellOthers = () => {} }: ChatOptions) {
    this.#hub = hub;
    this.#mostRemarks = mostRemarks;
    this.#tellOthers = tellOthers;
    this.#lobby = this.#open(LOBBY);
  }

  /**
   * A member comes in, or back.
   *
   * @param name What to be called.
   * @param listener Its connection.
   * @throws {Refusal} The name is taken, or is none, or there are too many rooms.
   */
  enter(name: string, listener: Listener): Member {
    const { key = "", room: wanted } = listener.session ?? {};
    checkName(name);
    const old = this.#ownerOf(name, (owner) => key !== "" && owner.key === key);
    const room = wanted === undefined ? this.#lobby : this.#find(wanted);
    const member = { name, listener, room, key, server: undefined };
    if (old !== undefined) this.#replace(old);
    this.#members.set(name, member);
    this.#locals.add(member);
    const back = wanted === undefined ? "" : " back";
    listener.hear(`* welcome${back}, ${name}; /help shows what you can do`);
    // Those who were not told that it had left need not be told that it is back.
    this.#goIn(member, old?.room !== room);
    return member;
  }

  /** The same person's connection that was lost, though its server may not know that. */
  #replace(old: Member): void {
    this.#remove(old);
    if (old.listener === undefined) {
      this.#tellOthers({ type: "replaced", name: old.name, key: old.key });
    } else {
      old.listener.leave();
      old.listener.cut("it came back on another connection");
    }
  }

  /** A member leaves, for any reason. */
  leave(member: Member): void {
    // One that was replaced is gone already.
    if (!this.#locals.has(member)) return;
    this.#remove(member);
    member.listener?.leave();
    this.#tellOthers({ type: "left", name: member.name });
    this.#announce(member.room, `${member.name} left`, member);
  }

  #remove(member: Member): void {
    member.room.members.delete(member);
    if (member.server === undefined) this.#locals.delete(member);
    else this.#remotes.get(member.server)?.delete(member.name);
    // Two servers may have let in the same name at the same time.
    const [owner] = this.#members.get(member.name);
    if (owner === member) this.#members.delete(member.name);
  }

  /** @throws {Refusal} The name is taken, or is none. */
  rename(member: Member, name: string): void {
    checkName(name);
    this.#ownerOf(name, (owner) => owner === member);
    const old = member.name;
    this.#members.delete(old);
    this.#members.set(name, member);
    this.#tellOthers({ type: "left", name: old });
    member.name = name;
    this.#tellWhere(member);
    this.#announce(member.room, `${old} is now ${name}`, member);
    member.listener?.hear(`* you are now ${name}`);
    member.room.tellPlace(member);
  }

  /** @throws {Refusal} It is no name, or there are too many rooms. */
  join(member: Member, roomName: string): void {
    const room = this.#find(roomName);
    if (room === member.room) {
      throw new Refusal(`you are in ${room.name} already`);
    }
    member.room.members.delete(member);
    this.#announce(member.room, `${member.name} went to ${room.name}`, member);
    member.room = room;
    this.#goIn(member, true);
  }

  /** All others in the room hear what a member says. */
  say(member: Member, text: string): void {
    const { room } = member;
    const remark = room.say(member, text);
    this.#tellOthers({ type: "said", room: room.name, ...remark });
  }

  /**
   * Tells one person alone. The name must be the person's own: what merely looks like
   * it may have been meant for one who has left.
   *
   * @throws {Refusal} There is no member of this name.
   */
  tell(from: Member, name: string, text: string): void {
    const to = this.#named(name);
    if (to === undefined) throw new Refusal(`there is no ${name} here`);
    const line = `${from.name} -> ${to.name}: ${text}`;
    if (to.listener !== undefined) to.listener.hear(line);
    else this.#tellOthers({ type: "told", name: to.name, key: to.key, line });
    if (to !== from) from.listener?.hear(`* ${to.name} was told`);
  }

  #named(name: string): Member | undefined {
    return [...this.#members.get(name)]
      .find((each) => nameKey(each.name) === nameKey(name));
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

  #goIn(member: Member, isNew: boolean): void {
    const { room } = member;
    room.members.add(member);
    room.tellHistory(member);
    this.#tellWhere(member);
    if (isNew) this.#announce(room, `${member.name} came`, member);
    room.tellPlace(member);
    member.listener?.hear(`* ${this.who(member)}`);
  }

  #announce(room: Room, what: string, about: Member): void {
    room.announce(what, about);
    this.#tellOthers({ type: "noted", room: room.name, what });
  }

  #tellWhere({ name, room, key }: Member): void {
    this.#tellOthers({ type: "came", name, room: room.name, key });
  }

  // ---- rooms and names ----------------------------------------------------

  #find(name: string): Room {
    checkName(name);
    const [room = this.#open(name)] = this.#names.get(name);
    return room;
  }

  #open(name: string): Room {
    if (this.#rooms.size >= MOST_ROOMS) this.#closeEmptyRoom();
    const room = new Room(name, this.#hub, this.#mostRemarks);
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

  /**
   * Who is called so, if that may be.
   *
   * @throws {Refusal} The name is taken by another one.
   */
  #ownerOf(
    name: string,
    mayBe: (owner: Member) => boolean,
  ): Member | undefined {
    let owner: Member | undefined;
    for (owner of this.#members.get(name)) {
      if (mayBe(owner)) continue;
      throw new Refusal(
        nameKey(owner.name) === nameKey(name)
          ? `the name ${owner.name} is taken`
          : `${name} looks like ${owner.name}, a name that is taken`,
      );
    }
    return owner;
  }

  // ---- other servers ------------------------------------------------------

  /** Something happened on another server. */
  hear(server: string, event: ChatEvent): void {
    switch (event.type) {
      case "said":
        return this.#roomOf(event.room)?.hearSaid(event);
      case "noted":
        return this.#roomOf(event.room)?.announce(event.what);
      case "told": {
        const to = this.#named(event.name);
        return to?.key === event.key
          ? to.listener?.hear(event.line)
          : undefined;
      }
      case "came":
        return this.#hearCame(server, event.name, event.room, event.key);
      case "left": {
        const member = this.#remotes.get(server)?.get(event.name);
        return member && this.#remove(member);
      }
      case "replaced": {
        const old = this.#named(event.name);
        if (old === undefined || old.key !== event.key) return;
        return this.#replaceByRemote(old);
      }
      case "state":
        return this.#hearState(server, event);
      case "memory": {
        const position = Position.parse(event.position);
        return this.#roomOf(event.room)?.remember(position, event.remarks);
      }
    }
  }

  #replaceByRemote(old: Member): void {
    if (old.listener === undefined) return;
    this.#remove(old);
    old.listener.leave();
    old.listener.cut("it came back on another server");
  }

  #roomOf(name: string): Room | undefined {
    try {
      return this.#find(name);
    } catch (error) {
      // Too many rooms with members here: nothing of it is of use to one of them.
      if (!(error instanceof Refusal)) throw error;
      return undefined;
    }
  }

  #hearCame(server: string, name: string, roomName: string, key: string): void {
    const known = this.#remotes.get(server)?.get(name);
    if (known?.room.name === roomName && known.key === key) return;
    if (known !== undefined) this.#remove(known);
    const room = isName(name) ? this.#roomOf(roomName) : undefined;
    if (room === undefined) return;
    const [owner] = this.#members.get(name);
    // It has come back there; the server that it was lost with may be gone, too.
    if (owner !== undefined && key !== "" && owner.key === key) {
      if (owner.listener === undefined) this.#remove(owner);
      else this.#replaceByRemote(owner);
    }
    const member = { name, room, key, server, listener: undefined };
    room.members.add(member);
    const others = this.#remotes.get(server) ?? new Map<string, Member>();
    this.#remotes.set(server, others.set(name, member));
    if (this.#members.get(name).size === 0) this.#members.set(name, member);
  }

  #hearState(server: string, state: ChatEvent & { type: "state" }): void {
    const names = new Set(state.members.map(([name]) => name));
    for (const member of [...this.#remotes.get(server)?.values() ?? []]) {
      if (!names.has(member.name)) this.#remove(member);
    }
    for (const entry of state.members) this.#hearCame(server, ...entry);
    for (const [name, publisher, said] of state.rooms) {
      this.#roomOf(name)?.reach(publisher, said);
    }
  }

  /** Who is here, and how much was said here: for the other servers. */
  get state(): ChatEvent & { type: "state" } {
    return {
      type: "state",
      members: Array.from(
        this.#locals,
        ({ name, room, key }) => [name, room.name, key],
      ),
      rooms: [...this.#rooms].filter(({ said }) => said > 0)
        .map(({ name, publisher, said }) => [name, publisher, said]),
    };
  }

  /** What each room remembers, for a server that has been started. */
  get memories(): (ChatEvent & { type: "memory" })[] {
    return [...this.#rooms].map((room) => ({
      type: "memory",
      room: room.name,
      ...room.memory,
    }));
  }

  /** Another server is gone, and perhaps what it was told last. */
  loseServer(server: string): void {
    this.forgetServer(server);
    this.announce(
      "a server was lost: lines that were said last may be missing",
    );
  }

  /** Another server is gone, with its members. */
  forgetServer(server: string): void {
    const lost = Map.groupBy(
      this.#remotes.get(server)?.values() ?? [],
      ({ room }) => room,
    );
    for (const [room, members] of lost) {
      for (const each of members) this.#remove(each);
      room.announce(`${list(members.map(({ name }) => name))} left`);
    }
    this.#remotes.delete(server);
  }

  /** Tells all who are connected here. */
  announce(what: string): void {
    for (const room of this.#rooms) room.announce(what);
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
