import { assert, assertEquals } from "@std/assert";
import { Guesses } from "../../examples/_guesses.ts";
import { Users } from "../../examples/socks5/users.ts";

Deno.test("Guesses allows ten, then one a minute, to each address", () => {
  let now = 5;
  const guesses = new Guesses(() => now);
  const guess = (address: string, most: number) => {
    let count = 0;
    for (; count < most && guesses.allows(address); count++) {
      guesses.fail(address);
    }
    return count;
  };
  assertEquals(guess("a", 100), 10);
  assertEquals(guess("b", 100), 10);
  now += 59_000;
  assertEquals(guess("a", 100), 0);
  now += 1_000;
  assertEquals(guess("a", 100), 1);
  now += 3_600_000;
  assertEquals(guess("a", 100), 10);
});

Deno.test("Guesses remembers a bounded number of addresses", () => {
  const guesses = new Guesses(() => 0);
  for (let i = 0; i < 10; i++) guesses.fail("first");
  assert(!guesses.allows("first"));
  for (let i = 0; i < 10_000; i++) guesses.fail(`other ${i}`);
  assert(guesses.allows("first"));
});

Deno.test("Users looks at nothing more after too many guesses, right or wrong", () => {
  let now = 0;
  const users = new Users(
    [{ name: "ann", password: "x" }],
    new Guesses(() => now),
  );
  for (let i = 0; i < 10; i++) {
    // One that is right costs nothing.
    assert(typeof users.logIn("a", "ann", "x") === "object");
    assertEquals(users.logIn("a", "ann", `guess ${i}`), "wrong");
  }
  assertEquals(users.logIn("a", "ann", "x"), "too-many");
  assert(typeof users.logIn("b", "ann", "x") === "object");
  now += 60_000;
  assert(typeof users.logIn("a", "ann", "x") === "object");
});

Deno.test("Users takes as long for a wrong name as for a wrong password", () => {
  const users = new Users([{ name: "ann", password: "x" }]);
  const time = (name: string) => {
    const start = performance.now();
    for (let i = 0; i < 500; i++) users.find(name, "guess");
    return performance.now() - start;
  };
  // Alternated, so that whatever else the machine does slows both.
  const ratios = Array.from({ length: 41 }, (_, i) => {
    if (i % 2 === 0) return time("bob") / time("ann");
    const wrongPassword = time("ann");
    return time("bob") / wrongPassword;
  }).sort((a, b) => a - b);
  const median = ratios[20];
  assert(median > 0.8 && median < 1.25, `a ratio of ${median}`);
});
