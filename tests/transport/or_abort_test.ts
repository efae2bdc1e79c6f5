import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { orAbort } from "../../lib/transport/_or_abort.ts";

/** What became of a result: it must be exactly one of the two. */
async function fate(
  act: (
    task: PromiseWithResolvers<string>,
    controller: AbortController,
  ) => void,
): Promise<string[]> {
  const task = Promise.withResolvers<string>();
  const controller = new AbortController();
  const outcomes: string[] = [];
  const waiting = orAbort(
    task.promise,
    controller.signal,
    (late) => outcomes.push(`discarded ${late}`),
  ).then((value) => {
    outcomes.push(`returned ${value}`);
  }, (error) => {
    outcomes.push(`rejected ${error}`);
  });
  act(task, controller);
  await waiting;
  await task.promise.catch(() => {});
  await Promise.resolve();
  return outcomes.sort();
}

Deno.test("orAbort() returns a result or discards it, never both", async () => {
  const seen = [
    await fate((task) => task.resolve("it")),
    await fate((task, controller) => {
      controller.abort("no");
      task.resolve("it");
    }),
    // Both at once: whichever is first decides.
    await fate((task, controller) => {
      task.resolve("it");
      controller.abort("no");
    }),
    // After the task has settled and before its waiter was told.
    await fate((task, controller) => {
      task.promise.then(() => controller.abort("no"));
      task.resolve("it");
    }),
  ];
  assertEquals(seen, [
    ["returned it"],
    ["discarded it", "rejected no"],
    ["discarded it", "rejected no"],
    ["returned it"],
  ]);
});

Deno.test("orAbort() passes a failure on, and swallows a late one", async () => {
  assertEquals(await fate((task) => task.reject("broken")), [
    "rejected broken",
  ]);
  const late = await fate((task, controller) => {
    controller.abort("no");
    task.reject("broken");
  });
  assertEquals(late, ["rejected no"]);
  const reason = new Error("before");
  const signal = AbortSignal.abort(reason);
  const given: string[] = [];
  const error = await assertRejects(() =>
    orAbort(Promise.resolve("it"), signal, (value) => given.push(value))
  );
  assertStrictEquals(error, reason);
  assertEquals(given, ["it"]);
});
