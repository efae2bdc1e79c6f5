import { assertEquals, assertRejects } from "@std/assert";
import { framed, lines } from "@sluice/net";
import { Hub } from "@sluice/net/hub";
import { memoryPair } from "@sluice/net/testing";
import { Chat, Refusal } from "../../../examples/chat/chat.ts";
import { obey } from "../../../examples/chat/commands.ts";
import { Listener } from "../../../examples/chat/listener.ts";

/** A chat of one server. */
function openChat(mostRemarks: number): Chat & { hub: Hub<string> } {
  const hub = new Hub(lines());
  return Object.assign(new Chat({ hub, mostRemarks }), { hub });
}

/** A member, whose lines are read as its client reads them. */
async function visit(chat: ReturnType<typeof openChat>, name: string) {
  const [client, server] = memoryPair();
  const listener = new Listener(chat.hub, server, framed(server, lines()));
  const member = chat.enter(name, listener);
  const input = framed(client, lines());
  /** What it heard since the last call. */
  const heard = async () => {
    listener.hear("no more");
    const heard: (string | null)[] = [];
    for (let line; (line = await input.receive()) !== "no more";) {
      heard.push(line);
    }
    return heard;
  };
  const greeting = await heard();
  const say = (line: string) => obey(chat, member, line);
  return { member, greeting, say, heard };
}

function visitAll(chat: ReturnType<typeof openChat>, ...names: string[]) {
  return Promise.all(names.map((name) => visit(chat, name)));
}

Deno.test("Chat carries a line to everybody else in the room, and to no other room", async () => {
  const chat = openChat(20);
  const [ann, bob, eve] = await visitAll(chat, "ann", "bob", "eve");
  eve.say("/join elsewhere");
  for (const each of [ann, bob, eve]) await each.heard();
  ann.say("hello");
  assertEquals([await ann.heard(), await bob.heard(), await eve.heard()], [
    [],
    ["ann: hello"],
    [],
  ]);
});

Deno.test("Chat carries a private line to one person, wherever it is", async () => {
  const chat = openChat(20);
  const [ann, bob, eve] = await visitAll(chat, "ann", "bob", "eve");
  bob.say("/join elsewhere");
  for (const each of [ann, bob, eve]) await each.heard();
  ann.say("/msg BOB psst, you");
  assertEquals(await bob.heard(), ["ann -> bob: psst, you"]);
  assertEquals([await ann.heard(), await eve.heard()], [
    ["* bob was told"],
    [],
  ]);
});

Deno.test("Chat shows newcomers the last remarks of the room", async () => {
  const chat = openChat(2);
  const ann = await visit(chat, "ann");
  for (const text of ["one", "two", "three"]) ann.say(text);
  const bob = await visit(chat, "bob");
  assertEquals(bob.greeting.slice(1), [
    "(just now) ann: two",
    "(just now) ann: three",
    "* in lobby: ann, bob",
  ]);
});

Deno.test("Chat keeps names apart, and gives them back", async () => {
  const chat = openChat(0);
  const ann = await visit(chat, "Ann");
  await assertRejects(
    () => visit(chat, "ann"),
    Refusal,
    "the name Ann is taken",
  );
  await assertRejects(() => visit(chat, "a b"), Refusal, "a name must be");
  ann.say("/name ANN");
  assertEquals(await ann.heard(), ["* you are now ANN"]);
  ann.say("/name carol");
  const other = await visit(chat, "ann");
  chat.leave(other.member);
  await visit(chat, "ann");
  await assertRejects(() => visit(chat, "carol"), Refusal);
});

Deno.test("Chat tells a room who comes, who goes, and where", async () => {
  const chat = openChat(20);
  const [ann, bob] = await visitAll(chat, "ann", "bob");
  bob.say("/join tea");
  bob.say("/name bert");
  bob.say("/join lobby");
  chat.leave(bob.member);
  assertEquals(await ann.heard(), [
    "* bob came",
    "* bob went to tea",
    "* bert came",
    "* bert left",
  ]);
});

Deno.test("Chat takes empty rooms down for new ones, and refuses too many", async () => {
  const chat = openChat(20);
  const walker = await visit(chat, "walker");
  for (let i = 0; i < 300; i++) walker.say(`/join room${i}`);
  await walker.heard();
  walker.say("/rooms");
  const [rooms] = await walker.heard();
  assertEquals(rooms?.match(/and 50 more$/)?.length, 1);
  for (let i = 0; i < 98; i++) {
    (await visit(chat, `sitter${i}`)).say(`/join own${i}`);
  }
  await walker.heard();
  const last = await visit(chat, "last");
  last.say("/join onemore");
  assertEquals(await last.heard(), [
    "* there are 100 rooms already; /rooms lists them",
  ]);
});

Deno.test("obey() explains what cannot be done", async () => {
  const chat = openChat(20);
  const ann = await visit(chat, "ann");
  const cases: [string, string][] = [
    ["/dance", "* there is no /dance; /help lists what there is"],
    ["/constructor", "* there is no /constructor; /help lists what there is"],
    ["/msg", "* type /msg NAME TEXT"],
    ["/msg bob", "* type /msg NAME TEXT"],
    ["/msg bob hi", "* there is no bob here"],
    ["/name", "* a name must be 1 to 20 letters, digits, _ and -"],
    ["/join lobby", "* you are in lobby already"],
    ["/join a b", "* a name must be 1 to 20 letters, digits, _ and -"],
  ];
  for (const [line, answer] of cases) {
    ann.say(line);
    assertEquals(await ann.heard(), [answer]);
  }
  ann.say("");
  assertEquals(await ann.heard(), []);
});

Deno.test("Chat lets no member look like another one", async () => {
  const chat = openChat(0);
  const ann = await visit(chat, "ann");
  for (const name of ["аnn", "Ann", "аNN", "ａｎｎ"]) {
    await assertRejects(() => visit(chat, name), Refusal);
  }
  const bob = await visit(chat, "bob");
  bob.say("/name аnn");
  assertEquals(await bob.heard(), [
    "* аnn looks like ann, a name that is taken",
  ]);
  ann.say("/name Ann");
  assertEquals((await ann.heard()).at(-1), "* you are now Ann");
  chat.leave(ann.member);
  bob.say("/name аnn");
  assertEquals((await bob.heard()).at(-1), "* you are now аnn");
});

Deno.test("Chat has one room for names that look the same", async () => {
  const chat = openChat(0);
  const ann = await visit(chat, "ann");
  ann.say("/join lоbby"); // With a Cyrillic о.
  assertEquals(await ann.heard(), ["* you are in lobby already"]);
});

Deno.test("Chat keeps what was meant for one person from all others", async () => {
  const chat = openChat(20);
  const [ann, bob, eve] = await visitAll(chat, "ann", "bob", "eve");
  for (const each of [ann, bob, eve]) await each.heard();
  for (
    const line of [
      ...[" /msg bob psst", "\u3000/msg bob psst", "\u2800/msg bob psst"],
      ...[
        "／msg bob psst",
        "⁄msg bob psst",
        "∕msg bob psst",
        "\u200d/msg bob p",
      ],
      ...["/msg\u00a0bob psst", "/Msg bob psst", "//msg bob psst"],
      ...["/msg bоb psst", "/msg nobody psst", "/msg bob"],
    ]
  ) {
    ann.say(line);
    assertEquals(
      [await bob.heard(), await eve.heard(), (await ann.heard()).length],
      [[], [], 1],
      line,
    );
  }
  // It came from somewhere else: those in the room now get nothing of it.
  chat.leave(bob.member);
  await eve.heard();
  ann.say("/msg bob psst");
  assertEquals([await ann.heard(), await eve.heard()], [
    ["* bob left", "* there is no bob here"],
    [],
  ]);
  ann.say("ノート is a word");
  assertEquals(await eve.heard(), ["ann: ノート is a word"]);
});
