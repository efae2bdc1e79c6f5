/**
 * Which request a frame answers.
 *
 * Both ways to know it keep a request that was given up until its answer came, so that the
 * answer is dropped and goes to no other request.
 *
 * @module
 */

import { isThenable, show, wrongResult } from "../_check.ts";
import { BusyError } from "../errors.ts";
import { type PendingRequest, RequestList } from "./_pending_request.ts";
import type { RequestIds } from "./requests_options.ts";

/** Requests that were sent, and how their answers are known. */
export interface Matching<In, Out> {
  /** Requests that take a place in flight. */
  readonly inFlight: number;
  /** Those that were given up, and whose answers may still come. */
  readonly givenUp: number;
  /** The id of a frame that asks. */
  idOf(frame: Out): unknown;
  /** Throws where the id of a request is in use. */
  checkFree(request: PendingRequest<In, Out>): void;
  /** A request was sent. */
  add(request: PendingRequest<In, Out>): void;
  /** The request that a frame answers, given up or not; `undefined` for none. */
  find(frame: In): PendingRequest<In, Out> | undefined;
  /** Its last answer came. */
  remove(request: PendingRequest<In, Out>): void;
  /** Its caller waits no more. */
  giveUp(request: PendingRequest<In, Out>): void;
  /** Takes out all that were not given up, and forgets the others. */
  drain(): Iterable<PendingRequest<In, Out>>;
}

/** Answers come in the order of the requests. */
export class OrderMatching<In, Out> implements Matching<In, Out> {
  readonly #requests = new RequestList<In, Out>();
  givenUp = 0;

  get inFlight(): number {
    return this.#requests.size;
  }

  idOf(): undefined {
    return undefined;
  }

  checkFree(): void {}

  add(request: PendingRequest<In, Out>): void {
    this.#requests.push(request);
  }

  find(): PendingRequest<In, Out> | undefined {
    return this.#requests.first;
  }

  remove(request: PendingRequest<In, Out>): void {
    if (request.state === "givenUp") this.givenUp--;
    this.#requests.remove(request);
  }

  giveUp(): void {
    this.givenUp++;
  }

  *drain(): Generator<PendingRequest<In, Out>> {
    this.givenUp = 0;
    for (const request of this.#requests.drain()) {
      if (request.state === "inFlight") yield request;
    }
  }
}

/** Answers come in any order, and say whose they are. */
export class IdMatching<In, Out> implements Matching<In, Out> {
  readonly #ids: RequestIds<In, Out>;
  readonly #maxGivenUp: number;
  /** In flight or given up. */
  readonly #requests = new Map<unknown, PendingRequest<In, Out>>();
  /** The oldest is the first. */
  readonly #givenUp = new RequestList<In, Out>();

  constructor(ids: RequestIds<In, Out>, maxGivenUp: number) {
    this.#ids = ids;
    this.#maxGivenUp = maxGivenUp;
  }

  get inFlight(): number {
    return this.#requests.size - this.#givenUp.size;
  }

  get givenUp(): number {
    return this.#givenUp.size;
  }

  idOf(frame: Out): unknown {
    const id = this.#ids.request(frame);
    if (id === undefined) {
      throw new TypeError(
        "Cannot request: match.request must give the id of the frame, got undefined (send() is for frames without an answer)",
      );
    }
    checkId("request", "match.request", id);
    return id;
  }

  checkFree({ id }: PendingRequest<In, Out>): void {
    const other = this.#requests.get(id);
    if (other === undefined) return;
    throw new BusyError(
      `Cannot request: id ${show(id)} is in use by a request ${
        other.state === "givenUp"
          ? "that was given up, and whose answer may still come"
          : "whose answer is due"
      }`,
      { operation: "request", sent: false },
    );
  }

  add(request: PendingRequest<In, Out>): void {
    this.#requests.set(request.id, request);
  }

  find(frame: In): PendingRequest<In, Out> | undefined {
    const id = this.#ids.response(frame);
    checkId("receive an answer", "match.response", id);
    return id === undefined ? undefined : this.#requests.get(id);
  }

  remove(request: PendingRequest<In, Out>): void {
    // It was forgotten.
    if (this.#requests.get(request.id) !== request) return;
    this.#requests.delete(request.id);
    if (request.state === "givenUp") this.#givenUp.remove(request);
  }

  giveUp(request: PendingRequest<In, Out>): void {
    this.#givenUp.push(request);
    if (this.#givenUp.size <= this.#maxGivenUp) return;
    const oldest = this.#givenUp.first!;
    this.#givenUp.remove(oldest);
    this.#requests.delete(oldest.id);
    oldest.state = "done";
  }

  *drain(): Generator<PendingRequest<In, Out>> {
    const requests = [...this.#requests.values()];
    this.#requests.clear();
    for (const _ of this.#givenUp.drain());
    for (const request of requests) {
      if (request.state === "inFlight") yield request;
    }
  }
}

/** No promise and no array is the same as another one: no answer would be found. */
function checkId(action: string, name: string, id: unknown): void {
  if (typeof id !== "object") return;
  if (!ArrayBuffer.isView(id) && !isThenable(id)) return;
  const what = "a number, a string or a bigint at once";
  throw wrongResult(action, name, what, id);
}
