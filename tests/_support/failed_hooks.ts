/**
 * Collects what is printed when a user's hook fails, which must have no other effect.
 *
 * @module
 */

/** Collects what hooks that failed are reported with, in place of the console. */
export class FailedHooks implements Disposable {
  readonly errors: unknown[] = [];
  readonly #print = console.error;

  constructor() {
    console.error = (...args: unknown[]) => {
      if (args[0] === "A hook failed:") this.errors.push(args[1]);
      else this.#print(...args);
    };
  }

  [Symbol.dispose](): void {
    console.error = this.#print;
  }
}
