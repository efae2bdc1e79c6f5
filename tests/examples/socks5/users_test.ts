import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { parseUsers, User, Users } from "../../../examples/socks5/users.ts";

Deno.test("Users finds a user by name and password, and by nothing else", () => {
  const users = new Users([{ name: "ann", password: "s3cret" }]);
  assertEquals(users.find("ann", "s3cret")?.name, "ann");
  for (
    const [name, password] of [
      ["ann", "S3cret"],
      ["ann", ""],
      ["bob", "s3cret"],
      ["bob", ""],
      ["", ""],
      ["__proto__", ""],
    ]
  ) assertEquals(users.find(name, password), undefined);
});

Deno.test("User counts its tunnels", () => {
  const user = new User({ name: "ann", maxConnections: 2 });
  const first = user.enter();
  const second = user.enter();
  assert(first !== undefined && second !== undefined);
  assertEquals(user.enter(), undefined);
  first[Symbol.dispose]();
  assert(user.enter() !== undefined);
  assertEquals(user.enter(), undefined);
});

Deno.test("User waits as long as its bytes take, also for several tunnels together", async () => {
  const user = new User({ name: "ann", bytesPerSecond: 10_000 });
  const { signal } = new AbortController();
  const start = performance.now();
  await Promise.all([user.spend(1_500, signal), user.spend(1_500, signal)]);
  const ms = performance.now() - start;
  assert(ms > 230, `${ms} ms`);
});

Deno.test("User stops waiting when its tunnel ends", async () => {
  const user = new User({ name: "ann", bytesPerSecond: 1 });
  const over = new AbortController();
  const waiting = user.spend(1_000, over.signal);
  over.abort(new Error("over"));
  await assertRejects(() => waiting, Error, "over");
});

Deno.test("parseUsers() says what is wrong with a list of users", () => {
  const ann = '"name": "ann", "password": "x"';
  assertEquals(parseUsers(`[{ ${ann}, "maxConnections": 2 }]`), [
    { name: "ann", password: "x", maxConnections: 2 },
  ]);
  const cases: [json: string, message: string][] = [
    ["", "it must be JSON"],
    ["{}", "it must be a list of at least one user"],
    ["[]", "it must be a list of at least one user"],
    ["[null]", "each user must have a name and a password"],
    ['[{ "name": "ann" }]', "each user must have a name and a password"],
    [
      `[{ "name": "${"x".repeat(256)}", "password": "x" }]`,
      "of 1 to 255 bytes",
    ],
    [
      `[{ ${ann}, "maxConnections": 0 }]`,
      "maxConnections must be a whole number",
    ],
    [`[{ ${ann}, "bytesPerSecond": "1M" }]`, "bytesPerSecond must be a whole"],
    [`[{ ${ann}, "maxConnection": 1 }]`, "maxConnection must be one of name,"],
  ];
  for (const [json, message] of cases) {
    assertThrows(() => parseUsers(json), TypeError, message, json);
  }
});
