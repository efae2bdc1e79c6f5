/**
 * Requests over one connection, many at a time, and the answers to each.
 *
 * It guarantees that an answer goes to the request that it belongs to or to none; that a
 * request which was given up keeps its place until its answer came; that every request ends
 * in one answer or one error of its own, which says whether the request was sent; and that
 * what it holds is bounded. It never repeats a request: only the caller knows whether that
 * is safe.
 *
 * ```text
 *                              match.add            the read loop
 *   request() --> waiting ---> encoded, in flight -----------------> the caller
 *                 (no place, or   |         ^                    \
 *                  no room)       v         |                     +--> onUnsolicited
 *                              one write   one read of the transport: all its frames
 * ```
 *
 * A request costs one promise, which is the caller's. Frames are taken out inside the read
 * loop, all that one read brought in one go, and no call waits for them: there is one call
 * of the loop for the whole connection. What callers send meanwhile leaves in one write.
 *
 * @module
 */

import { answerOf, checkAboveZero, isA, show, wrongKind } from "../_check.ts";
import { guard } from "../_guard.ts";
import {
  AbortError,
  BrokenError,
  ClosedError,
  FrameTooLargeError,
  LimitError,
  MalformedFrameError,
  SocketError,
  TimeoutError,
  UnexpectedEofError,
} from "../errors.ts";
import {
  type Framed,
  type FramedParts,
  isFramed,
  partsOf,
} from "../framed/framed.ts";
import {
  type CallOptions,
  checkCallNames,
  watchCall,
} from "../time/call_limits.ts";
import { Alarm, type AlarmOptions } from "../time/coarse_timer.ts";
import { checkEnds } from "../time/deadline.ts";
import { AnswerStream } from "./_answer_stream.ts";
import { IdMatching, type Matching, OrderMatching } from "./_matching.ts";
import { PendingRequest, RequestList } from "./_pending_request.ts";
import {
  checkRequestsOptions,
  checkStreamOptions,
  type RequestsLimits,
  type RequestsOptions,
  type RequestsStats,
  type RequestStreamOptions,
} from "./requests_options.ts";

/** What the errors of the connection say that it did. */
const RECEIVE = "receive an answer";

/** The pending read keeps the process alive, not this timer. */
const WATCH: AlarmOptions = { holdsProcess: false };

/** After so long without a request the process may end: telling the system costs a call. */
const UNREF_AFTER_MS = 250;

/** How long answers may still come after the peer was found to read no more. */
const LAST_ANSWERS_MS = 1_000;

/** How long `close` waits for answers where its caller does not say. */
const CLOSE_MS = 15_000;

type Resolve = (value: unknown) => void;

let lastResolve: Resolve | undefined;
/** For `new Promise`, which calls it before it returns: no closure for each request. */
const keepResolve = (resolve: Resolve): void => {
  lastResolve = resolve;
};

/**
 * Asks over one connection, and gives each caller the answer to its own request: by their
 * order (pipelining), or by ids (multiplexing). Any number may ask at the same time; what
 * they send in one turn of the event loop leaves in one write.
 *
 * The connection belongs to it, and is read from the beginning on: what the peer pushes,
 * and that it ended, is noticed without a request.
 *
 * Every `SocketError` of a request has `sent`: where that is `false` no byte of it reached
 * the peer, and it can be repeated. When the connection ends each request rejects with an error
 * of its own, a `BrokenError`, or a `ClosedError` where this side closed it, whose `cause` is
 * the one error that ended the connection.
 *
 * It keeps the process alive while a request waits for its answer, and where there is an
 * `onUnsolicited`.
 *
 * A frame in an answer is the caller's. Arrays in a request must not change until its answer
 * came: they may be sent from where they are.
 *
 * @category Clients
 *
 * @example Redis-like: answers in order
 * ```ts
 * import { connect, framed, lines, serve } from "@sluice/net";
 * import { Requests } from "@sluice/net/client";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = serve({ port: 0 }, async (socket) => {
 *   const connection = framed(socket, lines());
 *   for await (const line of connection) await connection.send(line.toUpperCase());
 * });
 * const socket = await connect({ port: server.addr.port });
 * await using requests = new Requests(framed(socket, lines()), { match: "order" });
 * const answers = ["one", "two"].map((line) => requests.request(line));
 * assertEquals(await Promise.all(answers), ["ONE", "TWO"]);
 * ```
 *
 * @example JSON-RPC-like: answers in any order
 * ```ts
 * import { connect, framed, json, lines, serve } from "@sluice/net";
 * import { Requests } from "@sluice/net/client";
 * import { assertEquals } from "@std/assert";
 *
 * type Message = { id: number; text: string };
 * await using server = serve({ port: 0 }, async (socket) => {
 *   const connection = framed(socket, json<Message>(lines()));
 *   for await (const batch of connection.batches()) {
 *     for (const { id, text } of batch.reverse()) {
 *       await connection.send({ id, text: text.toUpperCase() });
 *     }
 *   }
 * });
 * const socket = await connect({ port: server.addr.port });
 * await using requests = new Requests(framed(socket, json<Message>(lines())), {
 *   match: { request: ({ id }) => id, response: ({ id }) => id },
 * });
 * const ask = async (id: number, text: string) =>
 *   (await requests.request({ id, text }, { timeoutMs: 5_000 })).text;
 * assertEquals(await Promise.all([ask(1, "one"), ask(2, "two")]), ["ONE", "TWO"]);
 * ```
 */
export class Requests<In, Out = In> implements Disposable, AsyncDisposable {
  readonly #framed: Framed<In, Out>;
  readonly #parts: FramedParts<In, Out>;
  readonly #options: RequestsOptions<In, Out>;
  readonly #limits: RequestsLimits;
  readonly #matching: Matching<In, Out>;
  readonly #waiting = new RequestList<In, Out>();
  readonly #alarm: Alarm;
  /** Armed while no caller waits; absent where pushed frames are waited for. */
  readonly #unrefAlarm: Alarm | undefined;
  #unreferenced = false;
  /** Callers that wait, of requests that wait or are in flight. */
  #callers = 0;
  /** Whether the writer has taken as much as it should. */
  #blocked = false;
  /** The stream whose reader has to catch up before another frame is read. */
  #full: AnswerStream<In> | undefined;
  /** Why nothing can be sent any more, while answers may still come. */
  #writeFailure: SocketError | undefined;
  /** Why the connection has ended: whatever a function of the user threw, perhaps. */
  #end: { readonly error: unknown } | undefined;
  #closing = false;
  /** The last ping that was a request. */
  #lastPing: PendingRequest<In, Out> | undefined;
  /** Whether a frame is being encoded: others have to wait. */
  #encoding = false;
  /** Whether frames are being handed out. */
  #taking = false;
  /** Resolves when no caller waits any more. */
  #drained: PromiseWithResolvers<void> | undefined;

  /**
   * Takes over a connection.
   *
   * @param framed The connection, which belongs to it from now on. It must not lend frames.
   * @param options How answers are matched, and the limits.
   * @throws {TypeError} `framed` is none or lends its frames, or an option is of the wrong
   * kind or not known.
   * @throws {RangeError} An option is out of its range.
   * @throws {BusyError} A read of the connection is under way, or it has a heartbeat and
   * another one is asked for.
   * @throws {ClosedError} The connection was closed.
   */
  constructor(
    framed: Framed<In, Out>,
    options: NoInfer<RequestsOptions<In, Out>>,
  ) {
    const action = "make requests";
    if (!isFramed(framed)) {
      throw wrongKind(action, "framed", "a Framed", framed);
    }
    const checked = checkRequestsOptions(action, options);
    this.#options = options = checked.options;
    this.#limits = checked.limits;
    this.#framed = framed;
    this.#parts = partsOf(framed);
    const { frames, halves } = this.#parts;
    if (frames.reusesMemory) {
      throw new TypeError(
        "Cannot make requests: framed must not lend its frames (lendFrames), as answers are kept",
      );
    }
    const { match, heartbeat } = options;
    this.#matching = match === "order"
      ? new OrderMatching()
      : new IdMatching(match, this.#limits.maxGivenUp);
    const onAlarm = () => this.#onStall();
    this.#alarm = new Alarm({ onAlarm }, WATCH);
    if (match === "order") this.#alarm.limitMs = this.#limits.stallMs;
    if (options.onUnsolicited === undefined) {
      this.#unrefAlarm = new Alarm({
        onAlarm: () => this.#setUnreferenced(true),
      }, WATCH);
      this.#unrefAlarm.limitMs = UNREF_AFTER_MS;
    }
    halves.readLoop.check(action);
    if (heartbeat !== undefined) {
      this.#parts.startHeartbeat(
        heartbeat,
        heartbeat.isPong === undefined
          ? (frame) => this.#sendPing(frame)
          : undefined,
      );
    }
    halves.writer.onFail = (error) => this.#onWriteFailure(error);
    this.#onCallerLeft();
    this.#read();
  }

  /** What is under way. Live. */
  get stats(): RequestsStats {
    const matching = this.#matching;
    const waiting = this.#waiting;
    return {
      get inFlight() {
        return matching.inFlight;
      },
      get waiting() {
        return waiting.size;
      },
      get givenUp() {
        return matching.givenUp;
      },
    };
  }

  /** Resolves when the connection has ended, however that was. */
  get closed(): Promise<void> {
    return this.#parts.socket.closed;
  }

  /**
   * Sends a frame, and gives the frame that answers it.
   *
   * Cancellation: safe. A request that is cut off while it waits is never sent. One that
   * was sent keeps its place: its answer is dropped when it comes, and the connection goes
   * on.
   *
   * @param frame What to send.
   * @param options Limits of this call, from now to the answer.
   * @throws {TimeoutError} A limit passed; see `sent`.
   * @throws {AbortError} The signal aborted; its reason is the `cause`; see `sent`.
   * @throws {BrokenError} The connection ended; the `cause` says how; see `sent`.
   * @throws {ClosedError} This side closed the connection; see `sent`.
   * @throws {LimitError} More than `maxWaiting` requests would wait.
   * @throws {BusyError} The id of the frame is in use.
   * @throws {MalformedFrameError} With `"order"`, the answer was no good, and the codec has
   * moved past it; {@linkcode FrameTooLargeError} likewise.
   * @throws What `Framed.send` throws for a frame that cannot be encoded.
   */
  request(frame: Out, options?: CallOptions): Promise<In> {
    const answer = new Promise<unknown>(keepResolve);
    const request = new PendingRequest<In, Out>(lastResolve);
    lastResolve = undefined;
    this.#begin(request, frame, options);
    return answer as Promise<In>;
  }

  /**
   * Sends a frame, and gives the frames that answer it, the last one too. It is sent when
   * the first is asked for.
   *
   * A reader that is slow holds up the connection: with `maxUnread` answers that were not
   * read nothing more is read from the peer. So a loop over a stream should not wait for
   * another answer of the same connection. What came before the connection ended is handed
   * out first, and then the error is thrown.
   *
   * Cancellation: safe. `break` gives the rest up: it is dropped as it comes, and the
   * connection goes on; so do the limits.
   *
   * @param frame What to send.
   * @param options Which answer is the last, and the limits of all of them together.
   * @returns The answers, for one loop.
   * @throws {TypeError} An option is of the wrong kind.
   * @throws {RangeError} An option is out of its range.
   * @throws The loop throws as {@linkcode Requests.request} does.
   *
   * @example
   * ```ts
   * import { framed, lines } from "@sluice/net";
   * import { Requests } from "@sluice/net/client";
   * import { memoryPair } from "@sluice/net/testing";
   * import { assertEquals } from "@std/assert";
   *
   * const [client, server] = memoryPair();
   * await server.write("one\ntwo\n.\n");
   * using requests = new Requests(framed(client, lines()), { match: "order" });
   * const parts = requests.stream("LIST", { isLast: (line) => line === "." });
   * assertEquals(await Array.fromAsync(parts), ["one", "two", "."]);
   * ```
   */
  stream(
    frame: Out,
    options: RequestStreamOptions<In>,
  ): AsyncIterableIterator<In> {
    const maxUnread = checkStreamOptions(options);
    let request: PendingRequest<In, Out>;
    const stream: AnswerStream<In> = new AnswerStream<In>(maxUnread, {
      start: () => {
        const { isLast } = options;
        request = new PendingRequest<In, Out>(undefined, stream, isLast);
        this.#begin(request, frame, options);
      },
      leave: () => this.#giveUp(request),
      onRoom: () => this.#resume(stream),
    });
    return stream;
  }

  /**
   * Sends a frame that has no answer, at once and past the requests that wait: an
   * acknowledgement, say. As `Framed.send`.
   *
   * @param frame What to send.
   * @param options Limits of this call.
   * @throws As `Framed.send`.
   */
  send(frame: Out, options?: CallOptions): Promise<void> {
    return this.#framed.send(frame, options);
  }

  #begin(
    request: PendingRequest<In, Out>,
    frame: Out,
    options: CallOptions | undefined,
  ): void {
    try {
      if (options !== undefined) {
        checkLimits(options);
        // A stream takes more options, and has checked their names itself.
        if (request.sink === undefined) checkCallNames("request", options);
      }
      request.id = this.#matching.idOf(frame);
    } catch (error) {
      request.fail("done", error);
      return;
    }
    this.#callers++;
    if (this.#unreferenced) this.#setUnreferenced(false);
    if (options !== undefined) {
      const unwatch = watchCall(
        "request",
        options,
        (reason) => this.#onLimit(request, reason),
      );
      if (request.state === "done") return;
      request.unwatch = unwatch;
    }
    const refusal = this.#refusal;
    if (refusal !== undefined) this.#fail(request, refusal);
    else if (this.#waiting.size === 0 && this.#hasRoom) {
      this.#send(request, frame);
      // What was asked for, or had to wait, while it was encoded.
      if (this.#waiting.size > 0) this.#sendWaiting();
    } else this.#wait(request, frame);
  }

  /** Why no request is taken. */
  get #refusal(): SocketError | undefined {
    if (this.#end !== undefined) return this.#lossOf(this.#end.error, false);
    const failure = this.#writeFailure;
    if (failure !== undefined) return this.#lossOf(failure, false);
    if (!this.#closing) return undefined;
    const why = "Cannot request: this side is closing the connection";
    return new ClosedError(why, { operation: "request", sent: false });
  }

  get #hasRoom(): boolean {
    return !this.#blocked && !this.#encoding &&
      this.#matching.inFlight < this.#limits.maxInFlight;
  }

  #wait(request: PendingRequest<In, Out>, frame: Out): void {
    const { maxWaiting } = this.#limits;
    if (this.#waiting.size >= maxWaiting) {
      const why =
        `Cannot request: more than ${maxWaiting} requests wait to be sent`;
      const options = { operation: "request", sent: false };
      this.#fail(
        request,
        new LimitError("maxWaiting", maxWaiting, why, options),
      );
      return;
    }
    request.state = "waiting";
    request.frame = frame;
    this.#waiting.push(request);
  }

  #send(request: PendingRequest<In, Out>, frame: Out): void {
    try {
      this.#append(request, frame);
    } catch (error) {
      const waits = request.state !== "givenUp" && request.state !== "done";
      if (waits) this.#fail(request, withSent(error, false));
      return;
    }
    this.#onAppended();
  }

  /**
   * Appends a frame to what is sent next. Its answer is due: already while it is encoded,
   * as that may run code of the user, which gives the request up or ends the connection.
   */
  #append(request: PendingRequest<In, Out>, frame: Out): void {
    const { writer } = this.#parts.halves;
    this.#matching.checkFree(request);
    request.batch = writer.batchesBegun;
    request.state = "inFlight";
    this.#matching.add(request);
    this.#encoding = true;
    try {
      this.#parts.encode("request", frame);
    } catch (error) {
      if (this.#end === undefined) this.#matching.remove(request);
      throw error;
    } finally {
      this.#encoding = false;
    }
  }

  #onAppended(): void {
    const { writer } = this.#parts.halves;
    if (!this.#alarm.armed && this.#full === undefined) this.#alarm.arm();
    const accepted = writer.appended("request");
    if (writer.room < 0 && !this.#blocked) {
      this.#blocked = true;
      accepted.then(this.#onAccepted, this.#onAccepted);
    }
  }

  readonly #onAccepted = (): void => {
    this.#blocked = false;
    this.#sendWaiting();
  };

  /** Sends what waits, as far as there are places. */
  #sendWaiting(): void {
    const waiting = this.#waiting;
    while (waiting.size > 0 && this.#hasRoom && this.#end === undefined) {
      const request = waiting.first!;
      const frame = request.frame as Out;
      waiting.remove(request);
      request.frame = undefined;
      this.#send(request, frame);
    }
  }

  /** A ping that is a request, for whose answer no caller waits. */
  #sendPing(frame: Out): void {
    const id = this.#matching.idOf(frame);
    // Pings may all have the same id. The one that is yet to be answered asks for both.
    const last = this.#lastPing;
    if (id !== undefined && last?.state === "givenUp" && last.id === id) return;
    const request = this.#lastPing = new PendingRequest<In, Out>(undefined);
    request.id = id;
    this.#append(request, frame);
    request.state = "givenUp";
    this.#matching.giveUp(request);
    this.#onAppended();
    if (this.#waiting.size > 0) this.#sendWaiting();
  }

  // ---- answers ------------------------------------------------------------

  /** Starts the one call of the read loop, which goes on until a stream is full. */
  #read(): void {
    const { socket, halves: { readLoop } } = this.#parts;
    const { bytesRead } = socket.stats;
    const wasDue = this.#matching.inFlight > 0;
    readLoop.run(RECEIVE, undefined, this.#take, undefined).catch((error) => {
      // The socket's own `readMs` counts from the beginning of the call.
      const isReadLimit = isA(error, TimeoutError) &&
        error.operation === RECEIVE && this.#end === undefined;
      const isLate = wasDue && this.#matching.inFlight > 0 &&
        socket.stats.bytesRead === bytesRead;
      if (isReadLimit && !isLate) this.#read();
      else this.#break(error);
    });
  }

  /** What the read loop asks: hands out all frames that have come. */
  readonly #take = (ended: boolean): boolean | undefined => {
    this.#taking = true;
    try {
      this.#takeFrames(ended);
    } catch (error) {
      this.#break(error);
    } finally {
      this.#taking = false;
    }
    if (this.#end !== undefined || this.#full !== undefined) return true;
    // The server that this connection belongs to is shutting down.
    const { frames } = this.#parts;
    if (!this.#closing && frames.isOver(false)) this.close().catch(() => {});
    return undefined;
  };

  #takeFrames(ended: boolean): void {
    const { frames } = this.#parts;
    let answered = false;
    let frame: In | undefined;
    do {
      frame = undefined;
      while (this.#end === undefined && this.#full === undefined) {
        try {
          frame = frames.next(false);
          if (frame === undefined && ended) frame = this.#lastFrame();
        } catch (error) {
          this.#onBadFrame(error);
          answered = true;
          continue;
        }
        if (frame === undefined) break;
        if (this.#onFrame(frame)) answered = true;
      }
      if (answered) this.#onAnswers();
      // A frame that is sent may run code of the user, which may leave a stream.
    } while (frame !== undefined && this.#full === undefined);
    if (ended && this.#full === undefined) this.#onEof();
  }

  /** What the codec makes of the end of the stream. */
  #lastFrame(): In | undefined {
    const frame = this.#parts.frames.next(true);
    if (frame === undefined || this.#options.atEof === "emit") return frame;
    throw this.#ended("inside an answer");
  }

  /** Some answers came: others may be sent, and what is due has its time again. */
  #onAnswers(): void {
    this.#onCallerLeft();
    if (this.#writeFailure !== undefined) {
      if (this.#callers === 0) this.#break(this.#writeFailure);
      return;
    }
    if (this.#waiting.size > 0) this.#sendWaiting();
    if (this.#matching.inFlight === 0) this.#alarm.disarm();
    else if (this.#full === undefined) this.#alarm.arm();
  }

  /** Gives a frame to the request that it answers; `false` where it answers none. */
  #onFrame(frame: In): boolean {
    const { isUnsolicited } = this.#options;
    const isPushed = isUnsolicited !== undefined &&
      answerOf(RECEIVE, "isUnsolicited", isUnsolicited(frame));
    const request = isPushed ? undefined : this.#matching.find(frame);
    if (request === undefined) {
      this.#onUnsolicited(frame);
      return false;
    }
    const { isLast } = request;
    const isOver = isLast === undefined ||
      answerOf(RECEIVE, "isLast", isLast(frame));
    // It may have ended the connection, or given the request up.
    if (this.#end !== undefined) return true;
    const { state, sink } = request;
    if (!isOver) {
      if (state === "inFlight" && !sink!.onPart(frame)) {
        this.#full = sink as AnswerStream<In>;
        this.#alarm.disarm();
      }
      return true;
    }
    this.#matching.remove(request);
    if (state === "inFlight") {
      this.#callers--;
      request.answer(frame);
    } else {
      request.state = "done";
    }
    return true;
  }

  #onUnsolicited(frame: In): void {
    const { onUnsolicited } = this.#options;
    if (onUnsolicited !== undefined) return guard(() => onUnsolicited(frame));
    throw new MalformedFrameError(
      `Cannot match a frame: no request waits for it, got ${show(frame)}`,
      { operation: RECEIVE, frame },
    );
  }

  /** The codec refuses a frame. Where it has moved past it, that may have been an answer. */
  #onBadFrame(error: unknown): void {
    if (isA(error, UnexpectedEofError)) {
      throw this.#ended("inside an answer", error);
    }
    const passed = isA(error, MalformedFrameError)
      ? error.recoverable
      : isA(error, FrameTooLargeError) && error.skipped;
    const { match, isUnsolicited } = this.#options;
    // Whose it was must be certain: the next answer would go to the wrong request.
    const request = passed && match === "order" && isUnsolicited === undefined
      ? this.#matching.find(undefined as In)
      : undefined;
    if (request === undefined || request.isLast !== undefined) throw error;
    this.#matching.remove(request);
    if (request.state === "inFlight") {
      this.#fail(request, withSent(error, true));
    }
  }

  #onEof(): void {
    this.#break(
      this.#ended(
        this.#callers > 0
          ? `before all answers came (${this.#callers} were due)`
          : "and no answer was due",
      ),
    );
  }

  #ended(when: string, cause?: unknown): BrokenError {
    return new BrokenError(
      "ended",
      `Cannot receive an answer: the peer ended its stream ${when}`,
      {
        operation: RECEIVE,
        ...this.#parts.halves.addresses(),
        ...(cause === undefined ? {} : { cause }),
      },
    );
  }

  /** The reader of a stream has caught up. */
  #resume(stream: unknown): void {
    if (this.#full === undefined || this.#full !== stream) return;
    this.#full = undefined;
    if (this.#end !== undefined || this.#taking) return;
    if (this.#matching.inFlight > 0) this.#alarm.arm();
    this.#read();
  }

  /** No answer has come for too long. */
  #onStall(): void {
    const { stallMs } = this.#limits;
    const options = this.#parts.halves.addresses();
    this.#break(
      this.#writeFailure ??
        new TimeoutError(RECEIVE, stallMs, options),
    );
  }

  // ---- giving up ----------------------------------------------------------

  #onLimit(request: PendingRequest<In, Out>, reason: unknown): void {
    const sent = request.state === "inFlight";
    if (isA(reason, TimeoutError)) {
      const { operation, timeoutMs } = reason;
      const cause = operation === "request" ? {} : { cause: reason };
      const options = { sent, ...cause };
      this.#giveUp(request, new TimeoutError("request", timeoutMs, options));
    } else {
      const why = `Cannot request: the signal aborted ${when(sent)}`;
      const options = { operation: "request", cause: reason, sent };
      this.#giveUp(request, new AbortError(why, options));
    }
  }

  /** Its caller waits no more. What was sent keeps its place. */
  #giveUp(request: PendingRequest<In, Out>, error?: unknown): void {
    const { state, sink } = request;
    if (state === "givenUp" || state === "done") return;
    this.#callers--;
    if (state === "waiting") this.#waiting.remove(request);
    const next = state === "inFlight" ? "givenUp" : "done";
    if (error !== undefined) request.fail(next, error);
    else request.leave(next);
    if (state === "inFlight") this.#matching.giveUp(request);
    this.#resume(sink);
    this.#sendWaiting();
    this.#onCallerLeft();
  }

  #fail(request: PendingRequest<In, Out>, error: unknown): void {
    this.#callers--;
    request.fail("done", error);
    this.#onCallerLeft();
  }

  #onCallerLeft(): void {
    if (this.#callers > 0) return;
    this.#drained?.resolve();
    this.#unrefAlarm?.arm();
  }

  /** Lets the process end while no caller waits, or keeps it alive again. */
  #setUnreferenced(unreferenced: boolean): void {
    if (unreferenced && this.#callers > 0) return;
    this.#unreferenced = unreferenced;
    this.#parts.halves.onReadOrphaned(unreferenced);
  }

  // ---- the end ------------------------------------------------------------

  /** Nothing can be written any more. Answers to what was sent may still come. */
  #onWriteFailure(error: SocketError): void {
    if (this.#end !== undefined || this.#writeFailure !== undefined) return;
    const mayAnswer = isA(error, BrokenError) &&
      (error.reason === "reset" || error.reason === "broken-pipe");
    if (!mayAnswer) return this.#break(error);
    this.#writeFailure = error;
    for (const request of this.#waiting.drain()) {
      this.#fail(request, this.#lossOf(error, false));
    }
    this.#alarm.limitMs = LAST_ANSWERS_MS;
    this.#alarm.arm();
  }

  /** The connection has ended: so has every request. */
  #break(error: unknown, reason: unknown = error): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    this.#alarm.dispose();
    this.#unrefAlarm?.dispose();
    const { socket, halves: { writer } } = this.#parts;
    const begun = writer.batchesBegun;
    for (const request of this.#waiting.drain()) {
      this.#fail(request, this.#lossOf(error, false));
    }
    for (const request of this.#matching.drain()) {
      this.#fail(request, this.#lossOf(error, begun > request.batch));
    }
    this.#drained?.resolve();
    // Where the peer has ended its side, so does this one; otherwise it is cut.
    if (isA(error, BrokenError) && error.reason === "ended") {
      socket.close();
    } else {
      socket.abort(reason);
    }
  }

  /** An error of its own for one request. */
  #lossOf(cause: unknown, sent: boolean): SocketError {
    const addresses = this.#parts.halves.addresses();
    const options = { operation: "request", cause, sent, ...addresses };
    if (isA(cause, ClosedError)) {
      const why = "Cannot request: this side closed the connection";
      return new ClosedError(`${why} ${when(sent)}`, options);
    }
    const reason = isA(cause, BrokenError) ? cause.reason : "other";
    const why = `Cannot request: the connection broke ${when(sent)}`;
    return new BrokenError(reason, why, options);
  }

  /**
   * Takes no more requests, waits for the answers to those that it took, and ends the
   * connection gracefully.
   *
   * Cancellation: a limit cuts the connection, and with it every request that is left. Time
   * that has passed is no error; a signal is.
   *
   * @param options Limits of all of it; `timeoutMs` is 15,000 by default.
   * @throws {unknown} `signal.reason`, untouched, where the signal aborts.
   * @throws What `Socket.close` throws.
   */
  async close(options: CallOptions = {}): Promise<void> {
    checkLimits(options, "close");
    checkCallNames("close", options);
    const { signal, timeoutMs = CLOSE_MS, deadline } = options;
    this.#closing = true;
    const { socket } = this.#parts;
    let abort: { reason: unknown } | undefined;
    const unwatch = watchCall(
      "close",
      { signal, timeoutMs, deadline },
      (reason, byTime) => {
        if (!byTime) abort = { reason };
        this.abort(reason);
      },
    );
    try {
      this.#drained ??= Promise.withResolvers();
      const isOver = this.#callers === 0 || this.#end !== undefined;
      if (isOver) this.#drained.resolve();
      await this.#drained.promise;
      if (this.#end === undefined) await socket.close();
    } finally {
      unwatch();
    }
    if (abort !== undefined) throw abort.reason;
  }

  /**
   * Ends the connection now, and every request.
   *
   * @param reason Becomes the `cause` of the one error that is the `cause` of theirs.
   */
  abort(reason?: unknown): void {
    const why = "Cannot use the connection: this side closed it";
    const cause = reason === undefined ? {} : { cause: reason };
    this.#break(new ClosedError(why, cause), reason);
    this.#parts.socket.abort(reason);
  }

  /** Ends now, as {@linkcode Requests.abort}. */
  [Symbol.dispose](): void {
    this.abort();
  }

  /** Ends gracefully, as {@linkcode Requests.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** An error of the codec, about one request, says whether that was sent. */
function withSent(error: unknown, sent: boolean): unknown {
  if (isA(error, SocketError)) Reflect.set(error, "sent", sent);
  return error;
}

function when(sent: boolean): string {
  return sent ? "before the answer came" : "before the request was sent";
}

/** Throws where limits are no limits. Whether one has passed is seen when it is watched. */
function checkLimits(options: CallOptions, operation = "request"): void {
  checkEnds(operation, options);
  const { timeoutMs } = options;
  if (timeoutMs !== undefined) {
    checkAboveZero(operation, "timeoutMs", timeoutMs);
  }
}
