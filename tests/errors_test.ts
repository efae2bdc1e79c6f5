import { assert, assertEquals } from "@std/assert";
import * as errors from "../lib/errors.ts";

type AnyError = new (...args: unknown[]) => errors.SocketError;
const CLASSES = Object.entries(errors).filter(([name]) =>
  name !== "SocketError"
) as unknown as [string, AnyError][];

Deno.test("errors are named as their class, in text, in stacks and when shown", () => {
  assert(CLASSES.length > 10);
  for (const [name, AnyError] of CLASSES) {
    const error = new AnyError("a", 1, "b", {});
    assertEquals(error.name, name);
    assert(`${error}`.startsWith(`${name}: `));
    assert(error.stack!.startsWith(`${name}: `));
    assert(Deno.inspect(error).startsWith(`${name}: `));
    assert(!Object.keys(error).includes("name"));
  }
});

Deno.test("errors can be subclassed and given another name, as any error", () => {
  class MyError extends errors.ClosedError {
    constructor() {
      super("mine");
      this.name = "MyError";
    }
  }
  const error = new MyError();
  assertEquals([error.name, error.code], ["MyError", "closed"]);
  assert(error.stack!.startsWith("MyError: mine"));
  assertEquals(new errors.ClosedError("other").name, "ClosedError");
});

Deno.test("errors have a cause only where they were given one", () => {
  assert(!("cause" in new errors.ClosedError("a")));
  assert(!("cause" in new errors.ClosedError("a", { operation: "read" })));
  assertEquals(new errors.ClosedError("a", { cause: 5 }).cause, 5);
  assert("cause" in new errors.ClosedError("a", { cause: undefined }));
});
