import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import { MalformedFrameError } from "@sluice/net";
import {
  decodeMessage,
  encodeMessage,
  IN,
  isWithin,
  makeQuery,
  type Message,
  parentOf,
  parseName,
  replyTo,
  type ResourceRecord,
} from "../../../examples/dns/message.ts";

const common = { name: "www.example.test.", class: IN, ttl: 60 };
const RECORDS: ResourceRecord[] = [
  { ...common, type: "A", address: "192.0.2.1" },
  { ...common, type: "AAAA", address: "2001:db8::1" },
  { ...common, type: "AAAA", address: "::ffff:c000:201" },
  { ...common, type: "CNAME", target: "other.example.test." },
  { ...common, type: "NS", target: "." },
  { ...common, type: "PTR", target: "a\\.b.example.test." },
  { ...common, type: "MX", preference: 10, exchange: "mail.example.test." },
  {
    ...common,
    type: "TXT",
    texts: [new Uint8Array(255).fill(7), new Uint8Array(0)],
  },
  {
    ...common,
    type: "SRV",
    priority: 1,
    weight: 2,
    port: 3,
    target: "www.example.test.",
  },
  {
    ...common,
    type: "SOA",
    primary: "ns.example.test.",
    mailbox: "root.example.test.",
    serial: 4_294_967_295,
    refresh: 1,
    retry: 2,
    expire: 3,
    minimum: 4,
  },
  { ...common, type: 65, bytes: new Uint8Array([0, 1, 0xc0, 0x0c]) },
];

const QUERY = makeQuery({ name: "www.example.test.", type: "A", class: IN });

function replyOf(answers: ResourceRecord[]): Message {
  return replyTo(QUERY, { answers });
}

/** A header with these counts, and what follows. */
function raw(counts: number[], ...rest: number[]): Uint8Array {
  return Uint8Array.from(
    [...[0, 1, 0, 0], ...counts.flatMap((count) => [count >> 8, count & 255])]
      .concat(rest),
  );
}

function refuses(bytes: Uint8Array, what: string): void {
  assertThrows(() => decodeMessage(bytes), MalformedFrameError, what);
}

const ONE_QUESTION = [1, 0, 0, 0];

Deno.test("dns messages decode to what was encoded, each type of record", () => {
  const message = {
    ...replyOf(RECORDS),
    authorities: [RECORDS[9]],
    additionals: [RECORDS[0]],
    rcode: 0x123,
  };
  const bytes = encodeMessage(message);
  assertEquals(decodeMessage(bytes), message);
  // The name of the question is written once.
  const text = new TextDecoder("latin1").decode(bytes);
  assertEquals(text.split("\x03www\x07example").length - 1, 2);
});

Deno.test("dns messages give no two records that say the same different bytes", () => {
  const bytes = encodeMessage(replyOf(RECORDS));
  assertEquals(encodeMessage(decodeMessage(bytes)), bytes);
});

Deno.test("dns messages refuse pointers that loop, or lead forward", () => {
  refuses(raw(ONE_QUESTION, 0xc0, 12, 0, 1, 0, 1), "does not lead back");
  refuses(raw(ONE_QUESTION, 0xc0, 14, 0, 0, 1, 0, 1), "does not lead back");
  refuses(
    raw(ONE_QUESTION, 1, 97, 0xc0, 12, 0, 1, 0, 1),
    "does not lead back",
  );
  // One that leads to the other, which leads back to it.
  refuses(
    raw([2, 0, 0, 0], 1, 97, 0xc0, 20, 0, 1, 0, 1, 0xc0, 12, 0, 1, 0, 1),
    "does not lead back",
  );
  refuses(raw(ONE_QUESTION, 0xc0), "ends in a pointer");
  refuses(raw(ONE_QUESTION, 0x40, 0), "of a kind that is not known");
});

Deno.test("dns messages refuse a chain of pointers, and a name that grows by them", () => {
  const chain = [0, 0, 1, 0, 1];
  for (let i = 0; i < 130; i++) {
    const target = 12 + Math.max(0, chain.length - 6);
    chain.push(0xc0 | target >> 8, i === 0 ? 12 : target & 255, 0, 1, 0, 1);
  }
  refuses(raw([131, 0, 0, 0], ...chain), "more than 127 pointers");

  const label = [60, ...Array(60).fill(97)];
  const names: number[] = [...label, 0, 0, 1, 0, 1];
  let last = 12;
  for (let i = 0; i < 4; i++) {
    const at = 12 + names.length;
    names.push(...label, 0xc0 | last >> 8, last & 255, 0, 1, 0, 1);
    last = at;
  }
  refuses(raw([5, 0, 0, 0], ...names), "longer than 255 bytes");
});

Deno.test("dns messages refuse counts and sizes that lie", () => {
  const bytes = encodeMessage(replyOf([RECORDS[0]]));
  for (const at of [4, 6, 8, 10]) {
    const lying = bytes.slice();
    lying.set([255, 255], at);
    refuses(lying, "");
  }
  for (let length = 0; length < bytes.length; length++) {
    refuses(bytes.subarray(0, length), "");
  }
  refuses(new Uint8Array([...bytes, 0]), "1 bytes are left over");
  const record = [0, 0, 1, 0, 1, 0, 0, 0, 60];
  refuses(raw([0, 1, 0, 0], ...record, 0, 5, 1, 2, 3, 4, 5), "wrong size");
  refuses(raw([0, 1, 0, 0], ...record, 0, 3, 1, 2, 3, 4), "wrong size");
  refuses(raw([0, 1, 0, 0], ...record, 255, 255, 1), "longer than it");
  const opt = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0];
  assertEquals(decodeMessage(raw([0, 0, 0, 1], ...opt)).edns, {
    payloadBytes: 1_232,
    version: 0,
  });
  refuses(raw([0, 0, 0, 2], ...opt, ...opt), "too many");
  refuses(raw([0, 0, 1, 0], ...opt), "too many");
});

Deno.test("dns messages end in a message or a MalformedFrameError, whatever the bytes", () => {
  let seed = 7;
  const random = (below: number) => {
    seed = Math.imul(seed, 1_103_515_245) + 12_345 >>> 0;
    return (seed >>> 8) % below;
  };
  const good = encodeMessage({
    ...replyOf(RECORDS),
    authorities: [RECORDS[9]],
  });
  let decoded = 0;
  for (let i = 0; i < 5_000; i++) {
    const bytes = i % 3 === 0
      ? Uint8Array.from({ length: random(80) }, () => random(256))
      : good.slice();
    for (let flips = random(4); flips >= 0 && bytes.length > 0; flips--) {
      bytes[random(bytes.length)] = random(256);
    }
    try {
      const message = decodeMessage(bytes);
      decoded++;
      // What was understood can be said again.
      assertEquals(decodeMessage(encodeMessage(message)), message);
    } catch (error) {
      assert(error instanceof MalformedFrameError, `${error}`);
    }
  }
  assertLess(1_000, decoded);
});

Deno.test("dns messages that are too large leave out what is not asked, then all", () => {
  const many = Array.from({ length: 60 }, () => RECORDS[0]);
  const fits = { ...replyOf(RECORDS.slice(0, 3)), additionals: many };
  const whole = encodeMessage(fits).length;
  const smaller = decodeMessage(encodeMessage(fits, { maxBytes: whole - 1 }));
  assertEquals(
    [smaller.isTruncated, smaller.answers.length, smaller.additionals],
    [false, 3, []],
  );
  for (const maxBytes of [512, 1_000]) {
    const bytes = encodeMessage(replyOf([...many, ...many]), { maxBytes });
    assertLess(bytes.length, 100);
    const message = decodeMessage(bytes);
    assertEquals([message.isTruncated, message.answers], [true, []]);
    assertEquals(message.edns?.payloadBytes, 1_232);
    assertEquals(message.questions, QUERY.questions);
  }
});

Deno.test("parseName() takes names, and refuses what is none", () => {
  assertEquals(parseName("Example.TEST"), "Example.TEST.");
  assertEquals(parseName("."), ".");
  assertEquals(parseName("a\\.b.\\032\\@.c."), "a\\.b.\\032\\@.c.");
  for (
    const text of [
      "",
      "..",
      "a..b",
      ".a",
      "a b",
      "é",
      "a\x1b[31m",
      "\\256",
      "a\\",
      "a".repeat(64),
      "abc.".repeat(64),
    ]
  ) {
    assertThrows(() => parseName(text), RangeError, "Cannot use a name: ");
  }
  assertEquals(parseName("abc.".repeat(63) + "a").length, 254);
});

Deno.test("isWithin() tells names apart by whole labels", () => {
  assert(isWithin("a.Example.test.", "example.test."));
  assert(isWithin("example.test.", "example.test."));
  assert(isWithin("test.", "."));
  assert(!isWithin("badexample.test.", "example.test."));
  assert(!isWithin("bad\\.example.test.", "example.test."));
  assert(!isWithin("test.", "example.test."));
  assertEquals(parentOf("a\\.b.c."), "c.");
  assertEquals(parentOf("c."), ".");
  assertEquals(parentOf("."), undefined);
});
