import { deepStrictEqual } from "node:assert/strict";
import { Alarm } from "./11_alarm.ts";

/** What an alarm says to checks: "+" was good, "-" failed. */
function alerts(alarm: Alarm, checks: string): (string | undefined)[] {
  return [...checks].map((check) => alarm.record(check === "+"));
}

const nothing = undefined;

Deno.test("an Alarm ignores single failures", () => {
  const said = alerts(new Alarm(3, 2), "+-+--+");
  deepStrictEqual(said, Array(6).fill(nothing));
});

Deno.test("an Alarm says once that something is down, and once that it is up", () => {
  deepStrictEqual(alerts(new Alarm(3, 2), "---" + "--+-" + "++" + "+"), [
    ...[nothing, nothing, "down"],
    ...[nothing, nothing, nothing, nothing],
    ...[nothing, "up"],
    nothing,
  ]);
});
