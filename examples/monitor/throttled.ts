/**
 * Something that is expensive to make, for many callers that ask for it at once.
 *
 * @module
 */

/** Makes a value at most once in a while, for all who asked meanwhile. */
export class Throttled<Value> implements Disposable {
  readonly #everyMs: number;
  readonly #make: () => Value;
  #madeAt = -Infinity;
  #waiting: ((made: () => Value) => void)[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param everyMs Least time from one value to the next, in milliseconds.
   * @param make Makes it.
   */
  constructor(everyMs: number, make: () => Value) {
    this.#everyMs = everyMs;
    this.#make = make;
  }

  /**
   * Gives the next value to `take` in the turn in which it is made: it is as new as
   * can be.
   *
   * @returns What `take` returns.
   */
  get<Taken>(take: (value: Value) => Taken): Promise<Taken> {
    const { promise, resolve, reject } = Promise.withResolvers<Taken>();
    this.#waiting.push((made) => {
      try {
        resolve(take(made()));
      } catch (error) {
        reject(error);
      }
    });
    if (this.#timer === undefined) {
      const waitMs = this.#madeAt + this.#everyMs - performance.now();
      if (waitMs <= 0) this.#give();
      else this.#timer = setTimeout(() => this.#give(), waitMs);
    }
    return promise;
  }

  #give(): void {
    this.#timer = undefined;
    this.#madeAt = performance.now();
    let value: { made: Value } | undefined;
    for (const each of this.#waiting.splice(0)) {
      each(() => (value ??= { made: this.#make() }).made);
    }
  }

  /** Forgets the callers that wait. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
