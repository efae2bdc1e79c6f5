/** Tells an outage from a short failure. */
export class Alarm {
  #isDown = false;
  #inARow = 0;

  constructor(readonly failures: number, readonly successes: number) {}

  record(isUp: boolean): "down" | "up" | undefined {
    if (isUp !== this.#isDown) {
      this.#inARow = 0;
      return undefined;
    }
    this.#inARow++;
    if (this.#inARow < (this.#isDown ? this.successes : this.failures)) {
      return undefined;
    }
    this.#inARow = 0;
    this.#isDown = !this.#isDown;
    return this.#isDown ? "down" : "up";
  }
}
