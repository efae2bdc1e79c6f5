/**
 * Requests that are under way.
 *
 * @module
 */

import { observed } from "../socket/observed.ts";

/** What receives the answers or the error of a request: a call that waits, or a stream. */
export interface AnswerSink<In> {
  /** Takes an answer that is not the last. Returns whether there is room for another one. */
  onPart(frame: In): boolean;
  /** Takes the last answer. */
  onLast(frame: In): void;
  /**
   * There will be no more.
   *
   * @param atOnce Whether what came and was not read is not wanted either.
   */
  onError(error: unknown, atOnce: boolean): void;
}

/**
 * A request, from its call to its last answer.
 *
 * ```text
 *          no place             sent             the last answer
 *   fresh ---------> waiting ---------> inFlight ----------------> done
 *     | |               |               ^  |                        ^
 *     | +---------------|---------------+  | limit, abort, break    | the last answer
 *     |       sent      |                  v                        |
 *     v limit, abort    v               givenUp --------------------+
 *    done              done
 * ```
 *
 * One object for each request and no more: what its caller waits for is a promise's
 * `resolve` or the sink of a stream, and the links of the list that it is in are its own.
 */
export class PendingRequest<In, Out> {
  state: "fresh" | "waiting" | "inFlight" | "givenUp" | "done" = "fresh";
  /** What its answer is known by; with `"order"` nothing. */
  id: unknown = undefined;
  /** What is to be sent, while it waits. */
  frame: Out | undefined = undefined;
  /** How many batches had left when it was appended to the next. */
  batch = 0;
  /** The caller that waits for the only answer. */
  resolve: ((answer: unknown) => void) | undefined;
  /** The stream that receives several answers. */
  sink: AnswerSink<In> | undefined;
  readonly isLast: ((frame: In) => boolean) | undefined;
  /** Ends the watch of its limits. */
  unwatch: (() => void) | undefined = undefined;
  // Written by the list alone.
  previous: PendingRequest<In, Out> | undefined = undefined;
  next: PendingRequest<In, Out> | undefined = undefined;

  constructor(
    resolve: ((answer: unknown) => void) | undefined,
    sink?: AnswerSink<In>,
    isLast?: (frame: In) => boolean,
  ) {
    this.resolve = resolve;
    this.sink = sink;
    this.isLast = isLast;
  }

  /** Its last answer came. */
  answer(frame: In): void {
    this.state = "done";
    if (this.unwatch !== undefined) this.unwatch();
    if (this.resolve !== undefined) this.resolve(frame);
    else this.sink!.onLast(frame);
  }

  /** Its caller gets `error`, and nothing afterwards. */
  fail(state: "givenUp" | "done", error: unknown): void {
    const { resolve, sink } = this;
    this.leave(state);
    // A promise takes over what becomes of another one. That one is observed: the runtime
    // keeps a list of those that are not, and thousands at once would make it quadratic.
    if (resolve !== undefined) resolve(observed(Promise.reject(error)));
    else sink?.onError(error, state === "givenUp");
  }

  /** Its caller waits no more: at most its place is kept. */
  leave(state: "givenUp" | "done"): void {
    this.state = state;
    if (this.unwatch !== undefined) this.unwatch();
    this.resolve =
      this.sink =
      this.unwatch =
      this.frame =
        undefined;
  }
}

/** Requests in their order. Each may be taken out at any time, at no cost. */
export class RequestList<In, Out> {
  size = 0;
  #first: PendingRequest<In, Out> | undefined;
  #last: PendingRequest<In, Out> | undefined;

  get first(): PendingRequest<In, Out> | undefined {
    return this.#first;
  }

  push(request: PendingRequest<In, Out>): void {
    const last = this.#last;
    request.previous = last;
    if (last === undefined) this.#first = request;
    else last.next = request;
    this.#last = request;
    this.size++;
  }

  remove(request: PendingRequest<In, Out>): void {
    const { previous, next } = request;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    request.previous = request.next = undefined;
    this.size--;
  }

  /** Takes all of them out. */
  *drain(): Generator<PendingRequest<In, Out>> {
    while (this.#first !== undefined) {
      const request = this.#first;
      this.remove(request);
      yield request;
    }
  }
}
