/**
 * Messages, as the users of a client give and get them.
 *
 * @module
 */

/** A message that the broker has delivered. */
export interface Message {
  readonly topic: string;
  /** All subscriptions that it goes to share it: it must not be changed. */
  readonly payload: Uint8Array<ArrayBuffer>;
  /** How it was delivered: with 1 it may come again. */
  readonly qos: 0 | 1;
  /** Whether it was kept for new subscribers, and is not of this moment. */
  readonly retain: boolean;
  /** Whether the broker has tried to deliver it before. */
  readonly dup: boolean;
}

/** About how many bytes of memory a message takes. */
export function sizeOf({ topic, payload }: Message): number {
  return 2 * topic.length + payload.length + 100;
}
