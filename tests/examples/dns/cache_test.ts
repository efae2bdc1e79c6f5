import { assert, assertEquals, assertLess } from "@std/assert";
import { Cache } from "../../../examples/dns/cache.ts";
import {
  IN,
  makeQuery,
  type Message,
  type Question,
  replyTo,
  type ResourceRecord,
} from "../../../examples/dns/message.ts";

const QUESTION: Question = { name: "a.test.", type: "A", class: IN };
const record = (ttl: number): ResourceRecord => ({
  name: "a.test.",
  class: IN,
  ttl,
  type: "A",
  address: "192.0.2.1",
});
const soa = (ttl: number, minimum: number): ResourceRecord => ({
  name: "test.",
  class: IN,
  ttl,
  type: "SOA",
  primary: ".",
  mailbox: ".",
  serial: 1,
  refresh: 1,
  retry: 1,
  expire: 1,
  minimum,
});
const answer = (said: Partial<Message>, question = QUESTION) =>
  replyTo(makeQuery(question), said);

/** A cache whose clock stands until it is set. */
function start(maxBytes?: number) {
  const clock = { now: 0 };
  return {
    clock,
    cache: new Cache({ now: () => clock.now, ...maxBytes && { maxBytes } }),
  };
}

Deno.test("Cache keeps an answer for the least of its times to live, and counts them down", () => {
  const { cache, clock } = start();
  cache.set(QUESTION, answer({ answers: [record(10), record(30)] }));
  clock.now = 4_500;
  assertEquals(
    cache.get({ ...QUESTION, name: "A.Test." })?.answers.map(({ ttl }) => ttl),
    [6, 26],
  );
  assertEquals(cache.get({ ...QUESTION, type: "AAAA" }), undefined);
  clock.now = 9_999;
  assert(cache.get(QUESTION) !== undefined);
  clock.now = 10_000;
  assertEquals([cache.get(QUESTION), cache.size], [undefined, 0]);
});

Deno.test("Cache keeps that there is nothing, as long as the SOA says", () => {
  const { cache, clock } = start();
  for (const rcode of [0, 3]) {
    cache.set(QUESTION, answer({ rcode, authorities: [soa(100, 20)] }));
    clock.now += 19_999;
    assertEquals(cache.get(QUESTION)?.rcode, rcode);
    clock.now += 1;
    assertEquals(cache.get(QUESTION), undefined);
    // Three hours at most, and not at all without one.
    cache.set(QUESTION, answer({ rcode, authorities: [soa(1e9, 1e9)] }));
    clock.now += 10_800_000;
    assertEquals(cache.get(QUESTION), undefined);
    cache.set(QUESTION, answer({ rcode }));
    assertEquals(cache.get(QUESTION), undefined);
  }
});

Deno.test("Cache keeps no failure, nothing without a time to live, and nothing over a day", () => {
  const { cache, clock } = start();
  cache.set(QUESTION, answer({ rcode: 2, answers: [record(10)] }));
  cache.set(QUESTION, answer({ rcode: 5, answers: [record(10)] }));
  cache.set(QUESTION, answer({ answers: [record(10), record(0)] }));
  assertEquals(cache.size, 0);
  cache.set(QUESTION, answer({ answers: [record(0x7fff_ffff)] }));
  assertEquals(cache.get(QUESTION)?.answers[0].ttl, 86_400);
  clock.now = 86_400_000;
  assertEquals(cache.get(QUESTION), undefined);
});

Deno.test("Cache makes room by what was not asked for the longest", () => {
  const { cache } = start(3_000);
  const named = (name: string) => ({ ...QUESTION, name });
  const put = (name: string) =>
    cache.set(
      named(name),
      answer({ answers: [record(100)] }, named(name)),
    );
  put("first.test.");
  put("second.test.");
  for (let i = 0; i < 100; i++) {
    put(`${i}.test.`);
    assert(cache.get(named("first.test.")) !== undefined);
  }
  assertEquals(cache.get(named("second.test.")), undefined);
  assertLess(cache.size, 13);
  assertLess(8, cache.size);
  // One that is larger than all of it is not kept.
  cache.set(QUESTION, answer({ answers: Array(300).fill(record(100)) }));
  assertEquals([cache.size, cache.get(QUESTION)], [0, undefined]);
});
