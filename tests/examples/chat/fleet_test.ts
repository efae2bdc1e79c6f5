import { assert, assertEquals, assertThrows } from "@std/assert";
import { type Framed, framed, lines } from "@sluice/net";
import { type Engine, Hub, memoryEngine } from "@sluice/net/hub";
import { memoryPair } from "@sluice/net/testing";
import { Chat, Refusal } from "../../../examples/chat/chat.ts";
import { obey } from "../../../examples/chat/commands.ts";
import { parseMessage } from "../../../examples/chat/events.ts";
import { Fleet } from "../../../examples/chat/fleet.ts";
import { Listener, sessionOf } from "../../../examples/chat/listener.ts";
import { parseSession } from "../../../examples/chat/marks.ts";
import type { Member } from "../../../examples/chat/room.ts";
import { Session } from "../../../examples/chat/session.ts";

/** A server of a chat, without its sockets. */
async function openServer(engine: Engine = memoryEngine(), mostRemarks = 5) {
  const hub = new Hub(lines());
  const fleet = new Fleet(engine);
  const chat = new Chat({ hub, mostRemarks, tellOthers: fleet.tell });
  await fleet.start(chat);
  return { hub, fleet, chat, [Symbol.dispose]: () => fleet[Symbol.dispose]() };
}

type Server = Awaited<ReturnType<typeof openServer>>;

interface Attendance {
  readonly chat: Chat;
  readonly listener: Listener;
  readonly member: Member;
  readonly input: Framed<string>;
}

/** A client, on one connection after the other. */
class Guest {
  readonly session: Session;
  #attended: Attendance | undefined;

  constructor(name: string) {
    this.session = new Session({ name });
  }

  /** A new client, on its first connection. */
  static at(server: Server, name: string): Guest {
    const guest = new Guest(name);
    guest.attend(server);
    return guest;
  }

  attend({ chat, hub }: Server): Attendance {
    const [client, socket] = memoryPair();
    const listener = new Listener(hub, socket, framed(socket, lines()));
    const [hello, name] = this.session.greeting();
    listener.session = sessionOf(parseSession(hello)!);
    const member = chat.enter(name, listener);
    const input = framed(client, lines());
    return this.#attended = { chat, listener, member, input };
  }

  /** Its connection is gone. */
  leave(): void {
    const { chat, member } = this.#attended!;
    chat.leave(member);
  }

  say(line: string): void {
    const { chat, member } = this.#attended!;
    this.session.sent(line);
    obey(chat, member, line);
  }

  /** What it was shown since the last call. */
  async shown(): Promise<string[]> {
    const { listener, input } = this.#attended!;
    listener.hear("no more");
    const shown: string[] = [];
    for (let line; (line = await input.receive()) !== "no more";) {
      shown.push(...this.session.hear(line!).map(({ text }) => text));
    }
    return shown;
  }
}

/** Loses messages while it is told to. */
function lossy(inner: Engine): Engine & { isLosing: boolean } {
  const engine = {
    isLosing: false,
    publish: (topic: string, data: Uint8Array) =>
      engine.isLosing ? Promise.resolve() : inner.publish(topic, data),
    subscribe: inner.subscribe.bind(inner),
  };
  return engine;
}

Deno.test("members of two servers hear each other, and see who is there", async () => {
  const engine = memoryEngine();
  using here = await openServer(engine);
  using there = await openServer(engine);
  const ann = Guest.at(here, "ann");
  const bob = Guest.at(there, "bob");
  await ann.shown();
  assertEquals((await bob.shown()).at(-1), "* in lobby: ann, bob");
  ann.say("hello");
  ann.say("/msg bob psst");
  ann.say("/name anna");
  ann.say("/join tea");
  assertEquals(await bob.shown(), [
    "ann: hello",
    "ann -> bob: psst",
    "* ann is now anna",
    "* anna went to tea",
  ]);
  bob.say("/who");
  bob.say("/rooms");
  assertEquals(await bob.shown(), [
    "* in lobby: bob",
    "* rooms: lobby (1), tea (1)",
  ]);
});

Deno.test("a name is taken on all servers, for all but its owner", async () => {
  const engine = memoryEngine();
  using here = await openServer(engine);
  using there = await openServer(engine);
  const ann = Guest.at(here, "ann");
  assertThrows(
    () => new Guest("Ann").attend(there),
    Refusal,
    "the name ann is taken",
  );
  ann.attend(there);
  assertEquals((await ann.shown()).slice(-1), ["* in lobby: ann"]);
  // Its first place is gone, and leaving that is no leaving of the chat.
  assertEquals(there.chat.state.members.length, 1);
  assertEquals(here.chat.state.members.length, 0);
});

Deno.test("a client that comes back to another server misses nothing, and hears nothing twice", async () => {
  const engine = memoryEngine();
  using here = await openServer(engine);
  using there = await openServer(engine);
  const ann = Guest.at(here, "ann");
  const bob = Guest.at(there, "bob");
  for (let i = 0; i < 3; i++) bob.say(`before ${i}`);
  ann.say("mine");
  assertEquals((await ann.shown()).filter((line) => line.startsWith("bob")), [
    "bob: before 0",
    "bob: before 1",
    "bob: before 2",
  ]);
  ann.attend(there); // Its first connection hears no more.
  bob.say("after");
  assertEquals(await ann.shown(), [
    "* welcome back, ann; /help shows what you can do",
    "* in lobby: bob, ann",
    "bob: after",
  ]);
});

Deno.test("a client that was away for longer than a room remembers is told how much is missing", async () => {
  using server = await openServer();
  const ann = Guest.at(server, "ann");
  const bob = Guest.at(server, "bob");
  bob.say("one");
  await ann.shown();
  ann.leave();
  for (let i = 2; i < 12; i++) bob.say(`${i}`);
  ann.attend(server);
  assertEquals((await ann.shown()).slice(1), [
    "* 5 lines are missing here",
    ...["bob: 7", "bob: 8", "bob: 9", "bob: 10", "bob: 11"],
    "* in lobby: bob, ann",
  ]);
  bob.say("again");
  assertEquals(await ann.shown(), ["bob: again"]);
});

Deno.test("a client that comes back is told of lines that others have pushed out of the history", async () => {
  const engine = memoryEngine();
  using here = await openServer(engine, 2);
  using there = await openServer(engine, 2);
  const ann = Guest.at(here, "ann");
  const bob = Guest.at(here, "bob");
  const eve = Guest.at(there, "eve");
  await ann.shown();
  ann.leave();
  for (const text of ["1", "2", "3"]) bob.say(text);
  for (const text of ["4", "5"]) eve.say(text);
  const { input } = ann.attend(there);
  const sent: string[] = [];
  for (let line; !(line = await input.receive())!.startsWith("=at");) {
    sent.push(line!);
  }
  // Of what it has heard, nothing is sent again.
  assertEquals(sent.filter((line) => line.startsWith("=said")).length, 2);
  assertEquals(
    sent.flatMap((line) => ann.session.hear(line).map(({ text }) => text)),
    [
      "* welcome back, ann; /help shows what you can do",
      ...["eve: 4", "eve: 5", "* 3 lines are missing here"],
    ],
  );
});

Deno.test("what one server loses is told on the others, with a later line or without", async () => {
  const inner = memoryEngine();
  const engine = lossy(inner);
  using here = await openServer(engine);
  using there = await openServer(inner);
  const ann = Guest.at(here, "ann");
  const bob = Guest.at(there, "bob");
  ann.say("one");
  await bob.shown();
  engine.isLosing = true;
  for (const text of ["two", "three"]) ann.say(text);
  engine.isLosing = false;
  ann.say("four");
  assertEquals(await bob.shown(), ["* 2 lines are missing here", "ann: four"]);
  engine.isLosing = true;
  ann.say("five");
  engine.isLosing = false;
  assertEquals(await bob.shown(), []);
  here.fleet.tell(here.chat.state); // As every two seconds.
  assertEquals(await bob.shown(), ["* 1 lines are missing here"]);
});

Deno.test("a server that is started later knows what was said, and by whom", async () => {
  const engine = memoryEngine();
  using here = await openServer(engine);
  const ann = Guest.at(here, "ann");
  for (const text of ["one", "two"]) ann.say(text);
  using there = await openServer(engine);
  const bob = Guest.at(there, "bob");
  assertEquals((await bob.shown()).slice(1), [
    "(just now) ann: one",
    "(just now) ann: two",
    "* in lobby: ann, bob",
  ]);
  ann.say("three");
  assertEquals(await bob.shown(), ["ann: three"]);
});

Deno.test("a line that was not confirmed before the loss is given back to its author", async () => {
  using server = await openServer();
  const ann = Guest.at(server, "ann");
  ann.say("confirmed");
  await ann.shown();
  ann.session.sent("on its way");
  ann.attend(server);
  assertEquals((await ann.shown()).slice(1), [
    "* perhaps not said: on its way",
    "* in lobby: ann",
  ]);
});

Deno.test("a user is not shown what the user said, from the first line on", async () => {
  using server = await openServer();
  const ann = new Guest("ann");
  const { chat, member } = ann.attend(server);
  // It was typed before the server's first word was read.
  ann.session.sent("typed at once");
  obey(chat, member, "typed at once");
  ann.say("and later");
  assertEquals((await ann.shown()).at(-1), "* in lobby: ann");
});

Deno.test("a lost server takes its members along, and the others are told", async () => {
  const engine = memoryEngine();
  using here = await openServer(engine);
  const there = await openServer(engine);
  const ann = Guest.at(here, "ann");
  Guest.at(there, "bob");
  await ann.shown();
  const { server } = parseMessage(await nextMessage(engine, there))!;
  there[Symbol.dispose]();
  here.chat.loseServer(server);
  assertEquals(await ann.shown(), [
    "* bob left",
    "* a server was lost: lines that were said last may be missing",
  ]);
});

/** What a server tells the others next. */
async function nextMessage(engine: Engine, { fleet, chat }: Server) {
  const { promise, resolve } = Promise.withResolvers<Uint8Array>();
  const { close } = engine.subscribe(
    "chat",
    (data) => resolve(data.slice()),
    { onGap: () => {} },
  );
  fleet.tell(chat.state);
  const data = await promise;
  close();
  return data;
}

Deno.test("parseMessage() takes nothing that is no message", () => {
  const encode = (value: unknown) =>
    new TextEncoder().encode(JSON.stringify(value));
  const left = { type: "left", name: "ann" };
  assert(parseMessage(encode({ server: "a", message: left })) !== undefined);
  const bad: unknown[] = [
    ...[null, 1, "text", [], {}, { server: "a" }],
    { server: 1, message: left },
    { server: "a", message: { type: "toString" } },
    { server: "a", message: { type: "left" } },
    { server: "a", message: { type: "left", name: "a\x1b[2J" } },
    { server: "a", message: { type: "left", name: "a\nb" } },
    {
      server: "a",
      message: { type: "state", members: [["a", "b"]], rooms: [] },
    },
    {
      server: "a",
      message: { type: "memory", room: "a", position: "", remarks: [null] },
    },
  ];
  for (const each of bad) {
    assertEquals(parseMessage(encode(each)), undefined, JSON.stringify(each));
  }
  assertEquals(parseMessage(new Uint8Array([0xff, 0x7b])), undefined);
});
