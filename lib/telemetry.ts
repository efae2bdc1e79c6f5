/**
 * Telemetry through the global API of OpenTelemetry, where there is one.
 *
 * Deno registers that API with `OTEL_DENO=true`, and an application's SDK does otherwise;
 * nothing is imported for it. Where it is missing nothing is measured. This file
 * guarantees that telemetry never breaks I/O: what the SDK throws is printed and goes no
 * further. It knows neither sockets nor servers: `server/`, `socket/`, `client/` and
 * `workers/` name their instruments themselves; what they have in common stands in
 * `telemetry_conventions.ts`. No other part of `lib/` may import it.
 *
 * - **Counters** are observed: the SDK asks when it exports, every minute say, and nothing
 *   is done for each frame or connection. What has ended still counts, in totals that are
 *   kept for each set of attributes; of these there are at most {@linkcode MAX_SERIES}.
 * - **Histograms** get a value when something is over.
 * - **Spans** are one a connection. What its handler starts becomes a child of it.
 *
 * @module
 */

import { guard } from "./_guard.ts";

/** Where all that register `@opentelemetry/api` of version 1 put it. */
const API = Symbol.for("opentelemetry.js.api.1");
/** Where that API looks for the span of a context. */
const SPAN_KEY = Symbol.for("OpenTelemetry Context Key SPAN");
const SCOPE = "@sluice/net";

/** Series of one instrument table; what comes after them is counted in one of no name. */
const MAX_SERIES = 1_000;
/** The name that OpenTelemetry gives that one. */
const OVERFLOW: Attributes = { "otel.metric.overflow": true };

/** The status of a span that has failed. */
const STATUS_ERROR = 2;

/** What tells series of an instrument apart, or belongs to a span. */
export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** An instrument of a table of {@linkcode observe}. */
export interface ObservedInstrument {
  /** Whether its value only grows. */
  readonly kind: "counter" | "up-down";
  /** As OpenTelemetry writes units: `By`, `s`, `{connection}`. */
  readonly unit: string;
  readonly description: string;
}

/** Tells the value of an instrument, and what sets it apart from others of its source. */
export type Observe<Name extends string> = (
  name: Name,
  value: number,
  attributes?: Attributes,
) => void;

/** Gets values, one when something is over. */
export interface Histogram {
  /** Counts `value`. */
  record(value: number, attributes: Attributes): void;
}

/** The span of one connection. */
export interface Span {
  /** Calls `task`, whose own spans become children of this one. */
  run<T>(task: () => T): T;
  /** It has failed, with an error of this type. */
  fail(type: string, message: string): void;
  /** It is over. */
  end(attributes: Attributes): void;
}

/** Which side of a connection a span is about, as `SpanKind` numbers it. */
export const SPAN_KIND = { server: 1, client: 2 } as const;

// What is used of `@opentelemetry/api`.

interface Api {
  readonly metrics?: { getMeter(name: string): Meter };
  readonly trace?: { getTracer(name: string): Tracer };
  readonly context?: ContextManager;
}

interface ContextManager {
  active(): Context;
  with<T>(context: Context, task: () => T): T;
}

interface Context {
  setValue(key: symbol, value: unknown): Context;
}

interface Meter {
  createObservableCounter(name: string, options: unknown): unknown;
  createObservableUpDownCounter(name: string, options: unknown): unknown;
  createHistogram(name: string, options: unknown): Histogram;
  addBatchObservableCallback(
    callback: (result: BatchResult) => void,
    instruments: unknown[],
  ): void;
}

interface BatchResult {
  observe(instrument: unknown, value: number, attributes: Attributes): void;
}

interface Tracer {
  startSpan(name: string, options: unknown): ApiSpan;
}

interface ApiSpan {
  setAttributes(attributes: Attributes): unknown;
  setStatus(status: { code: number; message?: string }): unknown;
  end(): void;
}

function api(): Api | undefined {
  return (globalThis as { [API]?: Api })[API];
}

/** What a call to the SDK gives; `undefined` where there is none, or it fails. */
function ask<T>(question: () => T | null | undefined): T | undefined {
  let answer: T | null | undefined;
  guard(() => void (answer = question()));
  return answer ?? undefined;
}

/** A meter's instruments are made once. */
const ledgers = new WeakMap<object, Map<object, Ledger<string>>>();
const histograms = new WeakMap<object, Map<string, Histogram>>();

function meterOf(): { provider: object; meter: Meter } | undefined {
  const provider = ask(() => api()?.metrics);
  if (provider === undefined) return undefined;
  const meter = ask(() => provider.getMeter(SCOPE));
  return meter && { provider, meter };
}

/**
 * Lets the SDK observe a source of values.
 *
 * @param table The instruments: one object for all sources of a kind.
 * @param attributes Of all of the source's values. Of low cardinality.
 * @param collect Tells the values as they are now, each time that the SDK asks.
 * @returns Ends it: its counters keep their last values.
 */
export function observe<Name extends string>(
  table: Readonly<Record<Name, ObservedInstrument>>,
  attributes: Attributes,
  collect: (observe: Observe<Name>) => void,
): () => void {
  const found = meterOf();
  if (found === undefined) return () => {};
  const { provider, meter } = found;
  let ofProvider = ledgers.get(provider);
  if (ofProvider === undefined) ledgers.set(provider, ofProvider = new Map());
  let ledger = ofProvider.get(table) as Ledger<Name> | undefined;
  if (ledger === undefined) {
    ledger = new Ledger(table);
    ofProvider.set(table, ledger as unknown as Ledger<string>);
    const created = ledger;
    guard(() => created.register(meter));
  }
  return ledger.add({ attributes, collect });
}

/** A histogram; `undefined` where there is no API. */
export function histogram(
  name: string,
  description: string,
  bounds: readonly number[],
): Histogram | undefined {
  const found = meterOf();
  if (found === undefined) return undefined;
  const { provider, meter } = found;
  let made = histograms.get(provider);
  if (made === undefined) histograms.set(provider, made = new Map());
  const known = made.get(name);
  if (known !== undefined) return known;
  const own = ask(() =>
    meter.createHistogram(name, {
      unit: "s",
      description,
      advice: { explicitBucketBoundaries: bounds },
    })
  );
  if (own === undefined) return undefined;
  const safe: Histogram = {
    record: (value, attributes) => guard(() => own.record(value, attributes)),
  };
  made.set(name, safe);
  return safe;
}

/** Starts a span; `undefined` where there is no API. */
export function startSpan(
  name: string,
  kind: number,
  attributes: Attributes,
): Span | undefined {
  const provider = ask(() => api()?.trace);
  if (provider === undefined) return undefined;
  const contexts = ask(() => api()?.context);
  const span = ask(() =>
    provider.getTracer(SCOPE).startSpan(name, { kind, attributes })
  );
  if (span === undefined) return undefined;
  return {
    run: (task) => runWithin(span, contexts, task),
    fail: (type, message) =>
      guard(() => {
        span.setAttributes({ "error.type": type });
        span.setStatus({ code: STATUS_ERROR, message });
      }),
    end: (last) =>
      guard(() => {
        span.setAttributes(last);
        span.end();
      }),
  };
}

function runWithin<T>(
  span: ApiSpan,
  contexts: ContextManager | undefined,
  task: () => T,
): T {
  const context = contexts &&
    ask(() => contexts.active().setValue(SPAN_KEY, span));
  if (context === undefined) return task();
  // It runs once, with its own outcome, whatever the SDK makes of either.
  let run: (() => T) | undefined;
  guard(() => {
    contexts!.with(context, () => {
      run ??= outcomeOf(task);
    });
  });
  return (run ??= outcomeOf(task))();
}

/** Calls `task`. What is returned gives, or throws, what it did. */
function outcomeOf<T>(task: () => T): () => T {
  try {
    const result = task();
    return () => result;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

interface Source<Name extends string> {
  readonly attributes: Attributes;
  readonly collect: (observe: Observe<Name>) => void;
}

interface Point<Name extends string> {
  readonly name: Name;
  readonly attributes: Attributes;
  value: number;
}

/** Sums up the sources of one table, and what those that have ended had counted. */
class Ledger<Name extends string> {
  readonly #table: Readonly<Record<Name, ObservedInstrument>>;
  readonly #sources = new Set<Source<Name>>();
  readonly #totals = new Map<string, Point<Name>>();

  constructor(table: Readonly<Record<Name, ObservedInstrument>>) {
    this.#table = table;
  }

  register(meter: Meter): void {
    const instruments = new Map<Name, unknown>();
    for (const name of Object.keys(this.#table) as Name[]) {
      const { kind, unit, description } = this.#table[name];
      instruments.set(
        name,
        kind === "counter"
          ? meter.createObservableCounter(name, { unit, description })
          : meter.createObservableUpDownCounter(name, { unit, description }),
      );
    }
    meter.addBatchObservableCallback((result) => {
      guard(() => {
        for (const { name, value, attributes } of this.#sum()) {
          result.observe(instruments.get(name), value, attributes);
        }
      });
    }, [...instruments.values()]);
  }

  add(source: Source<Name>): () => void {
    this.#sources.add(source);
    return () => {
      if (!this.#sources.delete(source)) return;
      // Counters keep their last values; the other instruments report 0 from now on.
      addPoints(
        this.#totals,
        source,
        (name, value) => this.#table[name].kind === "counter" ? value : 0,
      );
    };
  }

  #sum(): Iterable<Point<Name>> {
    const points = new Map<string, Point<Name>>();
    for (const [key, point] of this.#totals) points.set(key, { ...point });
    for (const source of this.#sources) {
      addPoints(points, source, (_, value) => value);
    }
    return points.values();
  }
}

/** Adds what `source` counts to `points`. */
function addPoints<Name extends string>(
  points: Map<string, Point<Name>>,
  { attributes, collect }: Source<Name>,
  part: (name: Name, value: number) => number,
): void {
  guard(() =>
    collect((name, value, more) => {
      let own = more === undefined ? attributes : { ...attributes, ...more };
      let key = keyOf(name, own);
      if (!points.has(key) && points.size >= MAX_SERIES) {
        own = OVERFLOW;
        key = keyOf(name, own);
      }
      const point = points.get(key);
      if (point !== undefined) point.value += part(name, value);
      else points.set(key, { name, attributes: own, value: part(name, value) });
    })
  );
}

function keyOf(name: string, attributes: Attributes): string {
  return `${name} ${JSON.stringify(attributes)}`;
}
