import { assertEquals, assertThrows } from "@std/assert";
import { Chat, Refusal } from "../../../examples/chat/chat.ts";
import { obey } from "../../../examples/chat/commands.ts";

/** A member that records what it receives, from now on. */
function visit(chat: Chat, name: string) {
  const heard: string[] = [];
  const member = chat.enter(name, (line) => heard.push(line));
  heard.length = 0;
  return {
    member,
    say: (line: string) => obey(chat, member, line),
    /** What it heard since the last call. */
    heard: () => heard.splice(0),
  };
}

Deno.test("Chat carries a line to everybody else in the room, and to no other room", () => {
  const chat = new Chat(20);
  const [ann, bob, eve] = ["ann", "bob", "eve"].map((name) =>
    visit(chat, name)
  );
  eve.say("/join elsewhere");
  for (const each of [ann, bob, eve]) each.heard();
  ann.say("hello");
  assertEquals([ann.heard(), bob.heard(), eve.heard()], [
    [],
    ["ann: hello"],
    [],
  ]);
});

Deno.test("Chat carries a private line to one person, wherever it is", () => {
  const chat = new Chat(20);
  const [ann, bob, eve] = ["ann", "bob", "eve"].map((name) =>
    visit(chat, name)
  );
  bob.say("/join elsewhere");
  for (const each of [ann, bob, eve]) each.heard();
  ann.say("/msg BOB psst, you");
  assertEquals(bob.heard(), ["ann -> bob: psst, you"]);
  assertEquals([ann.heard(), eve.heard()], [["* bob was told"], []]);
});

Deno.test("Chat shows newcomers the last remarks of the room", () => {
  const chat = new Chat(2);
  const ann = visit(chat, "ann");
  for (const text of ["one", "two", "three"]) ann.say(text);
  const heard: string[] = [];
  chat.enter("bob", (line) => heard.push(line));
  assertEquals(heard.slice(1), [
    "(just now) ann: two",
    "(just now) ann: three",
    "* in lobby: ann, bob",
  ]);
});

Deno.test("Chat keeps names apart, and gives them back", () => {
  const chat = new Chat(0);
  const ann = visit(chat, "Ann");
  assertThrows(
    () => visit(chat, "ann"),
    Refusal,
    "the name Ann is taken",
  );
  assertThrows(() => visit(chat, "a b"), Refusal, "a name must be");
  ann.say("/name ANN");
  assertEquals(ann.heard(), ["* you are now ANN"]);
  ann.say("/name carol");
  const other = visit(chat, "ann");
  chat.leave(other.member);
  visit(chat, "ann");
  assertThrows(() => visit(chat, "carol"), Refusal);
});

Deno.test("Chat tells a room who comes, who goes, and where", () => {
  const chat = new Chat(20);
  const [ann, bob] = ["ann", "bob"].map((name) => visit(chat, name));
  bob.say("/join tea");
  bob.say("/name bert");
  bob.say("/join lobby");
  chat.leave(bob.member);
  assertEquals(ann.heard(), [
    "* bob came",
    "* bob went to tea",
    "* bert came",
    "* bert left",
  ]);
});

Deno.test("Chat takes empty rooms down for new ones, and refuses too many", () => {
  const chat = new Chat(20);
  const walker = visit(chat, "walker");
  for (let i = 0; i < 300; i++) walker.say(`/join room${i}`);
  walker.heard();
  walker.say("/rooms");
  const [rooms] = walker.heard();
  assertEquals(rooms.match(/and 50 more$/)?.length, 1);
  for (let i = 0; i < 98; i++) visit(chat, `sitter${i}`).say(`/join own${i}`);
  walker.heard();
  const last = visit(chat, "last");
  last.say("/join onemore");
  assertEquals(last.heard(), [
    "* there are 100 rooms already; /rooms lists them",
  ]);
});

Deno.test("obey() explains what cannot be done", () => {
  const chat = new Chat(20);
  const ann = visit(chat, "ann");
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
    assertEquals(ann.heard(), [answer]);
  }
  ann.say("");
  assertEquals(ann.heard(), []);
});

Deno.test("Chat lets no member look like another one", () => {
  const chat = new Chat(0);
  const ann = visit(chat, "ann");
  for (const name of ["аnn", "Ann", "аNN", "ａｎｎ"]) {
    assertThrows(() => chat.enter(name, () => {}), Refusal);
  }
  const bob = visit(chat, "bob");
  bob.say("/name аnn");
  assertEquals(bob.heard(), ["* аnn looks like ann, a name that is taken"]);
  ann.say("/name Ann");
  assertEquals(ann.heard().at(-1), "* you are now Ann");
  chat.leave(ann.member);
  bob.say("/name аnn");
  assertEquals(bob.heard().at(-1), "* you are now аnn");
});

Deno.test("Chat has one room for names that look the same", () => {
  const chat = new Chat(0);
  const ann = visit(chat, "ann");
  ann.say("/join lоbby"); // With a Cyrillic о.
  assertEquals(ann.heard(), ["* you are in lobby already"]);
});

Deno.test("Chat keeps what was meant for one person from all others", () => {
  const chat = new Chat(20);
  const [ann, bob, eve] = ["ann", "bob", "eve"].map((name) =>
    visit(chat, name)
  );
  for (const each of [ann, bob, eve]) each.heard();
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
      [bob.heard(), eve.heard(), ann.heard().length],
      [[], [], 1],
      line,
    );
  }
  // It came from somewhere else: those in the room now get nothing of it.
  chat.leave(bob.member);
  eve.heard();
  ann.say("/msg bob psst");
  assertEquals([ann.heard(), eve.heard()], [
    ["* bob left", "* there is no bob here"],
    [],
  ]);
  ann.say("ノート is a word");
  assertEquals(eve.heard(), ["ann: ノート is a word"]);
});
