/**
 * OpenTelemetry's global API, with an SDK that keeps what it is told.
 *
 * @module
 */

const API = Symbol.for("opentelemetry.js.api.1");
const SPAN_KEY = Symbol.for("OpenTelemetry Context Key SPAN");

type Attributes = Record<string, unknown>;
type Global = { [API]?: unknown };

/** A span that was started. */
export interface FakeSpan {
  name: string;
  kind: number;
  attributes: Attributes;
  failure?: string;
  ended: boolean;
}

/** What it was told; disposing of it puts the global API back. */
export class FakeTelemetry implements Disposable {
  readonly spans: FakeSpan[] = [];
  readonly records: { name: string; value: number; attributes: Attributes }[] =
    [];
  /** The span within which code runs now. */
  current: unknown;
  readonly #callbacks: ((result: unknown) => void)[] = [];
  readonly #before = (globalThis as Global)[API];

  constructor() {
    (globalThis as Global)[API] = {
      metrics: { getMeter: () => this.#meter() },
      trace: { getTracer: () => ({ startSpan: this.#startSpan }) },
      context: {
        active: () => ({
          setValue: (key: symbol, value: unknown) =>
            key === SPAN_KEY ? value : undefined,
        }),
        with: <T>(context: unknown, task: () => T): T => {
          this.current = context;
          try {
            return task();
          } finally {
            this.current = undefined;
          }
        },
      },
    };
  }

  #meter() {
    const instrument = (name: string) => name;
    return {
      createObservableCounter: instrument,
      createObservableUpDownCounter: instrument,
      createHistogram: (name: string) => ({
        record: (value: number, attributes: Attributes) =>
          this.records.push({ name, value, attributes }),
      }),
      addBatchObservableCallback: (callback: (result: unknown) => void) =>
        this.#callbacks.push(callback),
    };
  }

  readonly #startSpan = (
    name: string,
    { kind, attributes }: { kind: number; attributes: Attributes },
  ) => {
    const span: FakeSpan = { name, kind, attributes, ended: false };
    this.spans.push(span);
    return {
      span,
      setAttributes: (more: Attributes) =>
        span.attributes = { ...span.attributes, ...more },
      setStatus: ({ message }: { message: string }) => span.failure = message,
      end: () => span.ended = true,
    };
  };

  /** Asks for all values, as an SDK does when it exports: by name and what sets them apart. */
  collect(...distinct: string[]): Record<string, number> {
    const values: Record<string, number> = {};
    const observe = (name: string, value: number, attributes: Attributes) => {
      const parts = distinct.flatMap((key) => attributes[key] ?? []);
      const key = [name, ...parts].join(" ");
      values[key] = (values[key] ?? 0) + value;
    };
    for (const callback of this.#callbacks) callback({ observe });
    return values;
  }

  [Symbol.dispose](): void {
    (globalThis as Global)[API] = this.#before;
  }
}

/** An SDK of which every call throws. */
export function brokenTelemetry(): Disposable {
  const before = (globalThis as Global)[API];
  const fail = () => {
    throw new Error("the SDK is broken");
  };
  (globalThis as Global)[API] = {
    metrics: { getMeter: fail },
    trace: { getTracer: fail },
    context: { active: fail, with: fail },
  };
  return {
    [Symbol.dispose]: () => {
      (globalThis as Global)[API] = before;
    },
  };
}
