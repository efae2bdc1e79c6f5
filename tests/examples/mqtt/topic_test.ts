import { assertEquals } from "@std/assert";
import {
  filterFault,
  topicFault,
  TopicFilter,
} from "../../../examples/mqtt/topic.ts";

// Those of the standard, section 4.7, and more.
const CASES: [filter: string, topic: string, matches: boolean][] = [
  ["sport/tennis/player1/#", "sport/tennis/player1", true],
  ["sport/tennis/player1/#", "sport/tennis/player1/ranking", true],
  ["sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true],
  ["sport/tennis/player1/#", "sport/tennis/player10", false],
  ["sport/#", "sport", true],
  ["#", "anything/at/all", true],
  ["sport/tennis/+", "sport/tennis/player1", true],
  ["sport/tennis/+", "sport/tennis/player1/ranking", false],
  ["sport/+", "sport", false],
  ["sport/+", "sport/", true],
  ["+/+", "/finance", true],
  ["/+", "/finance", true],
  ["+", "/finance", false],
  ["#", "$SYS/uptime", false],
  ["+/monitor/Clients", "$SYS/monitor/Clients", false],
  ["$SYS/#", "$SYS/", true],
  ["$SYS/monitor/+", "$SYS/monitor/Clients", true],
  ["a", "a", true],
  ["a", "A", false],
  ["a", "a/", false],
  ["a/", "a", false],
  ["a//b", "a//b", true],
  ["a/+/b", "a//b", true],
  ["a/+/b", "a/b", false],
  ["+/b", "a/b/", false],
  ["+/+/+", "a/b", false],
  ["$share/group/a/+", "a/b", true],
  ["$share/group/a", "a", true],
  ["$share/group/a", "b", false],
];

for (const [filter, topic, matches] of CASES) {
  const does = matches ? "chooses" : "does not choose";
  Deno.test(`the filter ${filter} ${does} ${topic}`, () => {
    assertEquals(new TopicFilter(filter).matches(topic), matches);
  });
}

Deno.test("a filter has its wildcards where they may be", () => {
  for (const good of ["+", "#", "a/#", "+/a/+/#", "/", "a b", "$SYS/#"]) {
    assertEquals(filterFault(good), undefined, good);
  }
  for (
    const bad of ["", "a+", "+a", "a/b+/c", "#/a", "a#", "##", "a\0", "+\n"]
  ) {
    assertEquals(typeof filterFault(bad), "string", bad);
  }
});

Deno.test("the name of a topic has 1 to 65,535 bytes and no wildcard", () => {
  const long = "ä".repeat(32_767);
  for (const good of ["a", "/", "$SYS", " ", long, long + "a"]) {
    assertEquals(topicFault(good), undefined);
  }
  for (const bad of ["", "a/+", "#", "\0", "\udc00", long + "ä"]) {
    assertEquals(typeof topicFault(bad), "string");
  }
});
