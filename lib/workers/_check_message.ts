/**
 * What a message between workers may be.
 *
 * @module
 */

import { checkBytes, outOfRange, wrongKind } from "../_check.ts";
import { MAX_MESSAGE_BYTES, MAX_TOPIC_BYTES } from "./_protocol.ts";

const encoder = new TextEncoder();

/** Throws unless `topic` is text that can be sent. */
export function checkTopic(
  action: string,
  topic: unknown,
): asserts topic is string {
  if (typeof topic !== "string") {
    throw wrongKind(action, "topic", "a string", topic);
  }
  const must = `well-formed text of 1 to ${MAX_TOPIC_BYTES} bytes`;
  // Each character takes a byte at least.
  const isShort = topic.length <= MAX_TOPIC_BYTES &&
    encoder.encode(topic).length <= MAX_TOPIC_BYTES;
  if (topic === "" || !isShort || !topic.isWellFormed()) {
    throw outOfRange(action, "topic", must, topic);
  }
}

/** Throws unless `data` can be sent. */
export function checkData(
  action: string,
  data: unknown,
): asserts data is Uint8Array {
  checkBytes(action, "data", data);
  if (data.length > MAX_MESSAGE_BYTES) {
    throw outOfRange(
      action,
      "data",
      `at most ${MAX_MESSAGE_BYTES} bytes`,
      data,
    );
  }
}
