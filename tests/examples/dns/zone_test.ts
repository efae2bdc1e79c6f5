import { assertEquals, assertThrows } from "@std/assert";
import {
  IN,
  parseType,
  type ResourceRecord,
} from "../../../examples/dns/message.ts";
import { Zone, ZoneError } from "../../../examples/dns/zone.ts";

const ZONE = `
$ORIGIN example.test.
$TTL 1h
@ IN SOA ns root ( 1 1d 2h 2w ; a comment with ) in it
                   5m )
  IN NS ns
  IN MX 10 mail
  3 IN TXT "one \\"word\\"; no comment" two
ns A 192.0.2.1
mail 60 IN A 192.0.2.2
mail IN 60 AAAA 2001:db8::2
alias CNAME mail
out CNAME www.elsewhere.test.
loop CNAME pool
pool CNAME loop
deep.down A 192.0.2.3
*.wild A 192.0.2.4
sub NS ns.sub
ns.sub A 192.0.2.5
`;
const zone = new Zone(ZONE);

/** The code, and what each section says in short. */
function ask(name: string, type: string) {
  const { rcode, isAuthoritative, ...sections } = zone.answer({
    name,
    type: parseType(type)!,
    class: IN,
  });
  const short = (records: ResourceRecord[]) =>
    records.map((record) =>
      [
        record.name,
        record.ttl,
        record.type,
        "address" in record ? record.address : "",
      ].join(" ").trimEnd()
    );
  return {
    rcode,
    isAuthoritative,
    answers: short(sections.answers),
    authorities: short(sections.authorities),
    additionals: short(sections.additionals),
  };
}

const NOTHING = {
  rcode: 0,
  isAuthoritative: true,
  answers: [],
  authorities: [],
  additionals: [],
};
const SOA = ["example.test. 300 SOA"];

Deno.test("Zone answers by name and type, whatever the case, with the addresses of hosts", () => {
  assertEquals(ask("MAIL.example.test.", "AAAA"), {
    ...NOTHING,
    answers: ["mail.example.test. 60 AAAA 2001:db8::2"],
  });
  assertEquals(ask("example.test.", "MX"), {
    ...NOTHING,
    answers: ["example.test. 3600 MX"],
    additionals: [
      "mail.example.test. 60 A 192.0.2.2",
      "mail.example.test. 60 AAAA 2001:db8::2",
    ],
  });
});

Deno.test("Zone keeps texts as they are quoted", () => {
  const { answers: [record] } = zone.answer({
    name: "example.test.",
    type: "TXT",
    class: IN,
  });
  const texts = "texts" in record ? record.texts : [];
  assertEquals(texts.map((text) => new TextDecoder().decode(text)), [
    'one "word"; no comment',
    "two",
  ]);
});

Deno.test("Zone follows aliases within it, and ends at those that loop", () => {
  assertEquals(ask("alias.example.test.", "A").answers, [
    "alias.example.test. 3600 CNAME",
    "mail.example.test. 60 A 192.0.2.2",
  ]);
  assertEquals(ask("out.example.test.", "A").answers, [
    "out.example.test. 3600 CNAME",
  ]);
  assertEquals(ask("loop.example.test.", "A").rcode, 2);
  assertEquals(ask("loop.example.test.", "CNAME").answers.length, 1);
});

Deno.test("Zone tells no such name from no such type, each with how long that holds", () => {
  assertEquals(ask("no.example.test.", "A"), {
    ...NOTHING,
    rcode: 3,
    authorities: SOA,
  });
  const noType = { ...NOTHING, authorities: SOA };
  assertEquals(ask("mail.example.test.", "TXT"), noType);
  // A name that is only above another one.
  assertEquals(ask("down.example.test.", "A"), noType);
});

Deno.test("Zone has wildcards, which are for names that do not exist", () => {
  assertEquals(ask("a.b.wild.example.test.", "A").answers, [
    "a.b.wild.example.test. 3600 A 192.0.2.4",
  ]);
  assertEquals(ask("wild.example.test.", "A").answers, []);
  assertEquals(ask("x.mail.example.test.", "A").rcode, 3);
});

Deno.test("Zone has a wildcard of the root, too", () => {
  const root = new Zone(
    "$ORIGIN .\n$TTL 1h\n@ SOA ns root 1 1 1 1 1\n* A 192.0.2.9\n",
  );
  const { answers } = root.answer({ name: "a.b.", type: "A", class: 1 });
  assertEquals(answers.map(({ name }) => name), ["a.b."]);
});

Deno.test("Zone refers to the servers of a part that others have", () => {
  assertEquals(ask("www.sub.example.test.", "A"), {
    ...NOTHING,
    isAuthoritative: false,
    authorities: ["sub.example.test. 3600 NS"],
    additionals: ["ns.sub.example.test. 3600 A 192.0.2.5"],
  });
});

Deno.test("Zone refuses names of others", () => {
  const refused = { ...NOTHING, rcode: 5, isAuthoritative: false };
  assertEquals(ask("example.org.", "A"), refused);
  assertEquals(ask("badexample.test.", "A"), refused);
});

Deno.test("Zone names the line that is wrong, and what it must be", () => {
  const head = "$ORIGIN a.test.\n$TTL 1h\n@ SOA ns root 1 1 1 1 1\n";
  for (
    const [text, what] of [
      ["", "line 1: the first record must be the SOA"],
      ["a. 1 A 192.0.2.1\n", "line 1: the first record must be the SOA"],
      ["@ A 192.0.2.1", "line 1: a TTL must be there, or $TTL above"],
      ["  A 192.0.2.1", "line 1: the first record must have a name"],
      [`${head}b A 192.0.2`, "line 4: Cannot use an address"],
      [`${head}b A`, "line 4: an address must be there"],
      [`${head}b A 192.0.2.1 x`, "line 4: nothing more must be there"],
      [`${head}b HINFO x`, "line 4: a type must be A, AAAA"],
      [`${head}b MX 65536 c`, "line 4: a preference must be a number up to"],
      [`${head}b.test. A 192.0.2.1`, "line 4: a name must be within a.test."],
      [`${head}@ SOA ns root 1 1 1 1 1`, "line 4: a second SOA"],
      [`${head}b A 192.0.2.1\nb CNAME c`, "line 5: a CNAME must be the only"],
      [`${head}b CNAME c\nb A 192.0.2.1`, "line 5: a CNAME must be the only"],
      [`${head}b TXT "x`, "line 4: "],
      [`${head}b TXT (x`, "line 4: a parenthesis must be closed"],
      [`${head}b TXT ((x))`, "line 4: parentheses must not"],
      [`${head}b TXT ${"x".repeat(256)}`, "line 4: a text must be of at most"],
      [`${head}b 1y A 192.0.2.1`, "line 4: a time must be seconds or such"],
      [`${head}${"b".repeat(64)} A 192.0.2.1`, "line 4: Cannot use a name"],
      [`${head}$INCLUDE x`, "line 4: what begins with $ must be"],
    ]
  ) {
    assertThrows(
      () => new Zone(text),
      ZoneError,
      `Cannot read the zone: ${what}`,
    );
  }
});
