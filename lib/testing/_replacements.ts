/**
 * Properties of global objects that are something else for a while.
 *
 * Each comes back as it was, down to its descriptor, in the reverse order: a getter is a
 * getter again, and what an object had from its prototype is not its own afterwards.
 *
 * @module
 */

/** What was replaced, until it is given back. */
export class Replacements implements Disposable {
  readonly #undo: (() => void)[] = [];

  /** Replaces a property; writable and configurable, as those of the platform are. */
  set(object: object, name: PropertyKey, value: unknown): void {
    const before = Object.getOwnPropertyDescriptor(object, name);
    Object.defineProperty(object, name, {
      configurable: true,
      enumerable: before?.enumerable ?? false,
      writable: true,
      value,
    });
    this.#undo.push(() => {
      if (before === undefined) Reflect.deleteProperty(object, name);
      else Object.defineProperty(object, name, before);
    });
  }

  /** Gives everything back. Safe to call twice. */
  [Symbol.dispose](): void {
    for (let undo; (undo = this.#undo.pop()) !== undefined;) undo();
  }
}
