import { assertEquals } from "@std/assert";
import { Hysteresis } from "../../../examples/monitor/alerts.ts";

/** What comes of results, written as + and -: an alert each, or a point for none. */
function alertsOf(results: string, failuresToDown = 3, successesToUp = 2) {
  const opinion = new Hysteresis({ failuresToDown, successesToUp });
  return results.split("").map((result) => {
    const change = opinion.step(result === "+");
    return change === undefined ? "." : change === "up" ? "U" : "D";
  }).join("");
}

Deno.test("Hysteresis goes down at the third failure in a row, not before", () => {
  assertEquals(alertsOf("+--+---"), "......D");
});

Deno.test("Hysteresis comes back at the second success in a row, not before", () => {
  assertEquals(alertsOf("---+-++"), "..D...U");
});

Deno.test("Hysteresis says nothing while a target flaps, up or down", () => {
  assertEquals(alertsOf("+" + "-+--+".repeat(50)), ".".repeat(251));
  assertEquals(alertsOf("---" + "+-".repeat(50)), "..D" + ".".repeat(100));
});

Deno.test("Hysteresis reports an outage once, however long it is", () => {
  assertEquals(alertsOf("-".repeat(100)), "..D" + ".".repeat(97));
});

Deno.test("Hysteresis takes a first success for granted, silently", () => {
  const opinion = new Hysteresis({ failuresToDown: 3, successesToUp: 2 });
  assertEquals(opinion.health, "unknown");
  assertEquals(opinion.step(true), undefined);
  assertEquals(opinion.health, "up");
});

Deno.test("Hysteresis with thresholds of one changes at once", () => {
  assertEquals(alertsOf("+-+-", 1, 1), ".DUD");
});

Deno.test("Hysteresis says in words how far it is from changing", () => {
  const opinion = new Hysteresis({ failuresToDown: 3, successesToUp: 2 });
  const words = [opinion.words];
  for (const ok of [false, true, false, false, false, true, true]) {
    opinion.step(ok);
    words.push(opinion.words);
  }
  assertEquals(words, [
    "unknown",
    "failing 1/3",
    "up",
    "failing 1/3",
    "failing 2/3",
    "down",
    "recovering 1/2",
    "up",
  ]);
});
