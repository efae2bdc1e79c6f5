import { assertEquals } from "@std/assert";
import { guard } from "../lib/_guard.ts";

/** What is printed while `hook` is called, and while what it returned settles. */
async function printed(hook: () => unknown): Promise<unknown[][]> {
  const calls: unknown[][] = [];
  const original = console.error;
  console.error = (...args: unknown[]) => calls.push(args);
  try {
    guard(hook);
    for (let i = 0; i < 10; i++) await Promise.resolve();
  } finally {
    console.error = original;
  }
  return calls;
}

const failure = new Error("the hook's own");

Deno.test("a hook that throws is printed, and goes no further", async () => {
  assertEquals(
    await printed(() => {
      throw failure;
    }),
    [["A hook failed:", failure]],
  );
});

Deno.test("a hook that rejects is printed, and does not end the process", async () => {
  assertEquals(await printed(() => Promise.reject(failure)), [[
    "A hook failed:",
    failure,
  ]]);
});

Deno.test("a thenable of another library's is treated like a promise", async () => {
  const thenable = {
    then: (_: unknown, reject: (error: unknown) => void) => reject(failure),
  };
  assertEquals(await printed(() => thenable), [["A hook failed:", failure]]);
});

Deno.test("a result whose then throws is printed", async () => {
  const hostile = {
    get then() {
      throw failure;
    },
  };
  assertEquals(await printed(() => hostile), [["A hook failed:", failure]]);
});

Deno.test("nothing is printed for a hook that does not fail", async () => {
  assertEquals(await printed(() => 3), []);
  assertEquals(await printed(() => Promise.resolve()), []);
});

Deno.test("a console that throws breaks nothing and does not end the process", async () => {
  const original = console.error;
  let calls = 0;
  console.error = () => {
    calls++;
    throw new Error("the console's own");
  };
  try {
    guard(() => {
      throw failure;
    });
    guard(() => Promise.reject(failure));
    for (let i = 0; i < 10; i++) await Promise.resolve();
  } finally {
    console.error = original;
  }
  assertEquals(calls, 2);
});
