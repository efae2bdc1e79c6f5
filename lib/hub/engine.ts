/**
 * The contract between hubs and what carries frames from one to another: a message
 * broker, the other workers of this machine, or this process alone.
 *
 * An engine moves bytes by topic and knows neither frames nor members. The hub puts every
 * frame in an envelope with its publisher and a sequence number, so it sees what is lost,
 * doubled or out of order by itself; an engine says in addition what it knows.
 *
 * What a hub relies on, and what an engine must do:
 *
 * | | the hub | the engine |
 * | --- | --- | --- |
 * | **topics** | any text of 1 to 255 bytes of UTF-8 that has no lone surrogate, often chosen by a peer | keeps each apart from all others, also where it looks like a pattern of the carrier (`*`, `>`, `a..b`) |
 * | **publishing** | does not change the bytes until the promise settles | resolves when it has taken them; rejects where they are lost for certain; bounds what it holds |
 * | **subscribing** | subscribes once a topic | calls `onMessage` for each message of this topic, of other participants and its own alike, or without its own |
 * | **bytes** | copies what it keeps before `onMessage` returns | leaves them as they are until then; changes or transfers none that are published |
 * | **order** | | keeps that of each publisher and topic |
 * | **loss** | reports gaps as `onGap` of the hub | is at most once: it may lose messages where it must (a peer too slow, a link that broke), and says so with `onGap`; it neither doubles nor reorders |
 * | **closing** | closes each subscription once | calls nothing of it afterwards, and holds nothing for it |
 * | **failing** | never throws out of `onMessage` or `onGap` | throws out of `subscribe` only where it can never succeed |
 *
 * `checkEngine` of `@sluice/net/testing` holds an engine to all of it.
 *
 * @module
 */

/**
 * Messages that were lost on their way to this participant, or may have been.
 *
 * @category Hub
 */
export interface EngineGap {
  /**
   * Why: the link broke and came back (`"reconnected"`), this participant was too slow
   * (`"slow"`), it has taken the place of one that has ended (`"restarted"`), or the
   * subscription was ended by the carrier, for want of a permission say, and nothing will
   * come any more (`"ended"`).
   */
  readonly reason: "reconnected" | "slow" | "restarted" | "ended";
  /** How many messages, where known. */
  readonly count?: number | undefined;
  /** What the carrier says of it, where it does. */
  readonly cause?: unknown;
}

/**
 * What an engine is told with a subscription.
 *
 * @category Hub
 */
export interface EngineSubscribeOptions {
  /** Called for each gap that the engine knows of. */
  onGap: (gap: EngineGap) => void;
}

/**
 * A topic that an engine listens to.
 *
 * @category Hub
 */
export interface EngineSubscription {
  /**
   * Settles when what others publish from now on arrives here. Without it, that is so when
   * `subscribe` returns. A rejection is reported as a gap, for the reason `"ended"`.
   */
  readonly ready?: Promise<void> | undefined;
  /** Ends it, at once and idempotently. */
  close(): void;
}

/**
 * Carries bytes from hub to hub, by topic. See the table of this module.
 *
 * @category Hub
 *
 * @example An engine that carries nothing
 * ```ts
 * import { Hub, type Engine } from "@sluice/net/hub";
 * import { lines } from "@sluice/net";
 *
 * const alone: Engine = {
 *   publish: () => Promise.resolve(),
 *   subscribe: () => ({ close() {} }),
 * };
 * const hub = new Hub(lines(), { engine: alone });
 * await hub.publish("room.1", "is anyone there?");
 * hub.close();
 * ```
 */
export interface Engine {
  /**
   * Sends `data` to all who subscribe to `topic`.
   *
   * @returns Settles when the engine has taken it, which says nothing of those who receive
   *   it.
   */
  publish(topic: string, data: Uint8Array): Promise<void>;

  /**
   * Calls `onMessage` for what is published to `topic` from now on.
   *
   * @returns What ends it.
   */
  subscribe(
    topic: string,
    onMessage: (data: Uint8Array) => void,
    options: EngineSubscribeOptions,
  ): EngineSubscription;
}
