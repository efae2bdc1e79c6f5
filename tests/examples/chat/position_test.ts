import { assertEquals } from "@std/assert";
import {
  formatSaid,
  formatSession,
  newKey,
  parseMarked,
  parseSession,
} from "../../../examples/chat/marks.ts";
import {
  newPublisher,
  parseMark,
  Position,
} from "../../../examples/chat/position.ts";

Deno.test("Position counts what is missing, and knows what came before", () => {
  const position = new Position();
  assertEquals(position.see("a", 1), 0);
  assertEquals(position.see("b", 3), 2);
  assertEquals(position.see("a", 5), 3);
  for (const sequence of [5, 2, 0]) {
    assertEquals(position.see("a", sequence), -1);
  }
  assertEquals(position.last("a"), 5);
  assertEquals(position.reach(Position.parse("a.7,b.3,c.2")), 4);
  assertEquals(position.reach(Position.parse("a.7,b.1,c.2")), 0);
  position.startAt(Position.parse("a.9,d.4"));
  assertEquals(String(position), "b.3,a.7,c.2,d.4");
});

Deno.test("Position is text that reads the same, and is bounded", () => {
  assertEquals(String(new Position()), "-");
  const position = new Position();
  for (let i = 1; i <= 100; i++) position.see(`p${i}`, i);
  const text = String(position);
  assertEquals(text.split(",").length, 32);
  assertEquals(String(Position.parse(text)), text);
  for (
    const text of ["", "-", ".", "a.", ".1", "a.1.1", "A.1", "a.-1", "a b"]
  ) {
    assertEquals(String(Position.parse(text)), "-", text);
  }
  assertEquals(parseMark(`${newPublisher()}.17`)?.[1], 17);
});

Deno.test("marks read what they write, and nothing else", () => {
  const remark = { publisher: "a", sequence: 7, at: 5, line: "bob: a  b " };
  assertEquals(parseMarked(formatSaid(remark)), { type: "said", remark });
  const others = [
    ...["* in lobby: ann", "bob: =said a.7 5 x", "=said", "=hm", ""],
    ...["=said a 5 x", "=said a.7 x x"],
  ];
  for (const line of others) assertEquals(parseMarked(line), undefined, line);
  const key = newKey();
  assertEquals(parseSession(formatSession({ key })), { key });
  const heard = Position.parse("a.7");
  const back = parseSession(formatSession({ key, room: "tea", heard }));
  assertEquals([back?.room, String(back?.heard)], ["tea", "a.7"]);
  for (
    const line of [`/session`, `/session ${key}x`, ` /session ${key}`, key]
  ) {
    assertEquals(parseSession(line), undefined);
  }
});
