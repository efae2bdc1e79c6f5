/**
 * The one way to call a user's hook.
 *
 * A hook that throws, or returns a promise that rejects, never breaks I/O and never ends
 * the process. The error is printed, because no caller would get it.
 *
 * This file imports nothing. All of `lib/` may import it.
 *
 * @module
 */

/** Calls a hook. What it throws or rejects with is printed and goes no further. */
export function guard(hook: () => unknown): void {
  try {
    const result = hook();
    // The types accept an async function where a hook returns nothing.
    if (isThenable(result)) Promise.resolve(result).catch(printError);
  } catch (error) {
    printError(error);
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value;
}

function printError(error: unknown): void {
  try {
    // deno-lint-ignore no-console -- the hook that reports errors failed itself
    console.error("A hook failed:", error);
  } catch {
    // The console was replaced, or the error cannot be shown.
  }
}
