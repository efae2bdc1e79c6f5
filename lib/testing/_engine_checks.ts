/**
 * What an engine of a hub has to do, one check for each promise of its contract.
 *
 * @module
 */

import type { Engine, EngineGap, EngineSubscription } from "../hub/engine.ts";
import { waitWithin } from "../time/call_limits.ts";
import { sleep } from "../time/sleep.ts";
import { isCollected } from "./_collect_garbage.ts";
import { AssertionError } from "./_decoding.ts";
import { expect } from "./_expect.ts";

/** What the checks know about the engine. */
export interface EngineConditions {
  /** Messages of the bursts. */
  readonly burstMessages: number;
  /** Milliseconds after which what has not come does not come any more. */
  readonly settleMs: number;
  /** Most milliseconds that a message may take. */
  readonly timeoutMs: number;
  /** Breaks the links, and resolves when they are back. */
  readonly interrupt: (() => unknown) | undefined;
}

/** A check, made by {@linkcode check}: it passes, or it throws why not. */
export type EngineCheck = (
  left: Engine,
  right: Engine,
  conditions: EngineConditions,
) => Promise<void>;

let topics = 0;

/** A topic that no other check has, so that nothing late of one spoils another. */
function newTopic(): string {
  return `check.${++topics}`;
}

const utf8 = new TextEncoder();
const text = new TextDecoder();

/** What one subscription was called with. */
class Listener implements Disposable {
  readonly messages: Uint8Array[] = [];
  readonly gaps: EngineGap[] = [];
  readonly #subscription: EngineSubscription;
  /** Shorter than what the whole check may take, so that it can say what is missing. */
  readonly #timeoutMs: number;
  #arrived = Promise.withResolvers<void>();
  /** Called with each message, before it is kept. */
  onMessage: ((message: string) => void) | undefined;

  constructor(engine: Engine, topic: string, { timeoutMs }: EngineConditions) {
    this.#timeoutMs = timeoutMs / 2;
    this.#subscription = engine.subscribe(
      topic,
      (data) => {
        // A copy: the engine's memory is its own again when this returns.
        this.messages.push(new Uint8Array(data));
        this.onMessage?.(text.decode(data));
        this.#wake();
      },
      {
        onGap: (gap) => {
          this.gaps.push(gap);
          this.#wake();
        },
      },
    );
  }

  #wake(): void {
    this.#arrived.resolve();
    this.#arrived = Promise.withResolvers();
  }

  async ready(): Promise<this> {
    const { ready } = this.#subscription;
    await ready;
    return this;
  }

  get texts(): string[] {
    return this.messages.map((message) => text.decode(message));
  }

  /** Waits until it was called so that `condition` holds. */
  async until(condition: () => boolean, what: string): Promise<void> {
    while (!condition()) {
      const { promise } = this.#arrived;
      const options = { timeoutMs: this.#timeoutMs };
      await waitWithin("wait", promise, options).catch((cause) => {
        throw new AssertionError(
          `${what} must come, got ${this.messages.length} messages and ` +
            `${this.gaps.length} gaps`,
          { cause },
        );
      });
    }
  }

  /** The numbers that one publisher sent. */
  numbersOf(publisher: string): number[] {
    return this.texts
      .filter((message) => message.startsWith(publisher))
      .map((message) => Number(message.slice(publisher.length)));
  }

  close(): void {
    this.#subscription.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** What a check has: two participants, and a topic of its own. */
class Trial implements Disposable {
  readonly left: Engine;
  readonly right: Engine;
  readonly conditions: EngineConditions;
  readonly topic: string = newTopic();
  readonly #listeners: Listener[] = [];

  constructor(left: Engine, right: Engine, conditions: EngineConditions) {
    this.left = left;
    this.right = right;
    this.conditions = conditions;
  }

  /** The left one publishes a text. */
  publish(message: string, topic = this.topic): Promise<void> {
    return this.left.publish(topic, utf8.encode(message));
  }

  /** The right one subscribes, until the check is over. */
  async listen(topic = this.topic): Promise<Listener> {
    const listener = new Listener(this.right, topic, this.conditions);
    this.#listeners.push(listener);
    return await listener.ready();
  }

  /** Waits for what may still come. */
  settle(): Promise<void> {
    return sleep(this.conditions.settleMs);
  }

  [Symbol.dispose](): void {
    for (const listener of this.#listeners) listener.close();
  }
}

function check(body: (trial: Trial) => Promise<void>): EngineCheck {
  return async (left, right, conditions) => {
    using trial = new Trial(left, right, conditions);
    await body(trial);
  };
}

/** Topics that are easily taken for each other, or for a pattern. */
function oddTopics(topic: string): string[] {
  return [
    ...["a", "A", "a.b", "a..b", ".a", "a.", "a b", "a\tb", "a\r\nb", "=2A"],
    ...["*", ">", "a.*", "a.>", "%", "a/b", "a/#", "+", "?", "[a]", "\\"],
    ...["é", "e\u0301", "日本", "😀", "__proto__", "constructor", "0", "00"],
  ].map((odd) => `${topic}.${odd}`).concat(
    topic,
    `${topic}.${"x".repeat(254 - topic.length)}`,
    `.${topic}`,
    `*.${topic}`,
  );
}

/** Publishes numbers, one after the other, and remembers those that were taken. */
class Publisher {
  readonly taken: number[] = [];
  readonly #engine: Engine;
  readonly #topic: string;
  readonly #name: string;
  #next = 0;

  constructor(engine: Engine, topic: string, name: string) {
    this.#engine = engine;
    this.#topic = topic;
    this.#name = name;
  }

  /** Where the engine refuses it, its publisher knows that it may be lost. */
  async publish(): Promise<void> {
    const number = this.#next++;
    try {
      await this.#engine.publish(
        this.#topic,
        utf8.encode(`${this.#name}${number}`),
      );
      this.taken.push(number);
    } catch {
      // It may arrive all the same.
    }
  }

  async publishAll(count: number): Promise<void> {
    for (let i = 0; i < count; i++) await this.publish();
  }
}

/** Throws unless what is missing of `taken` was told, and the rest came in order, once. */
function expectTold(
  listener: Listener,
  name: string,
  { taken }: Publisher,
): void {
  const numbers = listener.numbersOf(name);
  const wrong = numbers.findIndex((each, i) => i > 0 && each <= numbers[i - 1]);
  if (wrong > 0) {
    throw new AssertionError(
      `message ${numbers[wrong]} came after ${
        numbers[wrong - 1]
      } of the same publisher`,
    );
  }
  const came = new Set(numbers);
  const missing = taken.filter((number) => !came.has(number)).length;
  const told = listener.gaps
    .reduce((sum, { count = Infinity }) => sum + count, 0);
  if (told < missing) {
    throw new AssertionError(
      `${missing} of ${taken.length} messages are missing, of which it told ${told}`,
    );
  }
}

/** Waits for the last message, or a gap, and for what may still come. */
async function untilLast(
  listener: Listener,
  { taken }: Publisher,
  trial: Trial,
  orGap = true,
): Promise<void> {
  const last = taken.at(-1);
  await listener.until(
    () =>
      listener.texts.at(-1) === `a${last}` ||
      listener.numbersOf("a").at(-1) === last ||
      orGap && listener.gaps.length > 0,
    "The last message",
  );
  await trial.settle();
}

/** Subscribes, gets a message, and closes: what is left is what the engine keeps. */
async function subscribeOnce(
  { left, right, topic, conditions }: Trial,
): Promise<WeakRef<object>> {
  // The trial would hold one of its own.
  using listener = new Listener(right, topic, conditions);
  await listener.ready();
  await left.publish(topic, utf8.encode("hello"));
  await listener.until(() => listener.messages.length > 0, "A message");
  return new WeakRef(listener);
}

/** Every promise, by its name. */
export const ENGINE_CHECKS: Record<string, EngineCheck> = {
  "carries messages of any size and content": check(async (trial) => {
    const { left, topic } = trial;
    const listener = await trial.listen();
    const every = Uint8Array.from({ length: 256 }, (_, i) => i);
    const sizes = [0, 1, 17, 255, 256, 4_096, 65_535, 65_536, 262_144];
    const messages = [
      every,
      ...sizes.map((size, seed) =>
        Uint8Array.from({ length: size }, (_, i) => i * 31 + seed)
      ),
    ];
    for (const message of messages) {
      const data = message.slice();
      await left.publish(topic, data);
      // The members of the hub that publishes get these bytes, too.
      expect("What was published", data, message);
    }
    await listener.until(
      () => listener.messages.length >= messages.length,
      "A message",
    );
    expect("What arrives", listener.messages, messages);
  }),

  "has taken a message when publish resolves": check(async (trial) => {
    const { left, topic } = trial;
    const listener = await trial.listen();
    const data = new Uint8Array(10);
    for (let i = 0; i < 100; i++) {
      data.fill(i);
      await left.publish(topic, data);
    }
    await listener.until(() => listener.messages.length >= 100, "A message");
    expect(
      "What arrives",
      listener.messages.map(([first]) => first),
      Array.from({ length: 100 }, (_, i) => i),
    );
  }),

  "keeps topics apart": check(async (trial) => {
    const topics = oddTopics(trial.topic);
    const listeners = await Promise.all(
      topics.map((topic) => trial.listen(topic)),
    );
    for (const topic of topics) await trial.publish(topic, topic);
    for (const [i, listener] of listeners.entries()) {
      const what = `The message of topic ${Deno.inspect(topics[i])}`;
      await listener.until(() => listener.messages.length > 0, what);
    }
    await trial.settle();
    for (const [i, listener] of listeners.entries()) {
      const what = `What topic ${Deno.inspect(topics[i])} gets`;
      expect(what, listener.texts, [topics[i]]);
    }
  }),

  "keeps the order of each publisher, and loses and doubles nothing silently":
    check(async (trial) => {
      const { left, right, topic, conditions: { burstMessages } } = trial;
      const listener = await trial.listen();
      const there = new Publisher(left, topic, "a");
      const here = new Publisher(right, topic, "b");
      const elsewhere = new Publisher(left, `${topic}.other`, "x");
      await Promise.all(
        [there, here, elsewhere].map((each) => each.publishAll(burstMessages)),
      );
      await untilLast(listener, there, trial);
      expectTold(listener, "a", there);
      // An engine may leave out a participant's own.
      if (listener.numbersOf("b").length > 0) expectTold(listener, "b", here);
    }),

  "keeps the order where publish is not awaited": check(async (trial) => {
    const listener = await trial.listen();
    const publisher = new Publisher(trial.left, trial.topic, "a");
    const { burstMessages: length } = trial.conditions;
    await Promise.all(Array.from({ length }, () => publisher.publish()));
    await untilLast(listener, publisher, trial);
    expectTold(listener, "a", publisher);
  }),

  "calls each subscription of a topic once": check(async (trial) => {
    const first = await trial.listen();
    const second = await trial.listen();
    await trial.publish("one");
    for (const listener of [first, second]) {
      await listener.until(() => listener.messages.length > 0, "A message");
    }
    first.close();
    await trial.publish("two");
    await second.until(() => second.messages.length > 1, "A second message");
    await trial.settle();
    expect("What the first one gets", first.texts, ["one"]);
    expect("What the second one gets", second.texts, ["one", "two"]);
  }),

  "calls nothing after close": check(async (trial) => {
    const other = await trial.listen();
    const closed = await trial.listen();
    const closing = await trial.listen();
    closing.onMessage = () => closing.close();
    // What is under way when it is closed does not come, either.
    const published = ["1", "2", "3"].map((each) => trial.publish(each));
    // It may have come already.
    const came = closed.texts;
    closed.close();
    closed.close();
    await Promise.all(published);
    await other.until(() => other.messages.length >= 3, "A message");
    await trial.settle();
    expect("What has come after close", closed.texts, came);
    expect("What has come after close in a callback", closing.texts, ["1"]);
    expect("What others get", other.texts, ["1", "2", "3"]);
    const again = await trial.listen();
    await trial.publish("4");
    await again.until(() => again.messages.length > 0, "A message");
    expect("What comes after subscribing again", again.texts, ["4"]);
  }),

  "holds nothing for a closed subscription": check(async (trial) => {
    if (await isCollected(await subscribeOnce(trial))) return;
    throw new AssertionError("the callbacks of a closed subscription are held");
  }),

  "reports what is lost in an interruption": check(async (trial) => {
    const { interrupt, burstMessages } = trial.conditions;
    if (interrupt === undefined) return;
    const listener = await trial.listen();
    const publisher = new Publisher(trial.left, trial.topic, "a");
    let isBack = false;
    const publishing = (async () => {
      while (!isBack) {
        await publisher.publish();
        await sleep(1);
      }
    })();
    await listener.until(() => listener.messages.length > 0, "A message");
    await interrupt();
    isBack = true;
    await publishing;
    // Subscribed again, it is known to be back.
    await trial.listen();
    await publisher.publishAll(burstMessages);
    await untilLast(listener, publisher, trial, false);
    expectTold(listener, "a", publisher);
  }),
};
