/**
 * Names of topics, and filters that choose among them.
 *
 * @module
 */

const MAX_BYTES = 65_535;
const encoder = new TextEncoder();

/** What text of MQTT must be where this is not; undefined for good text. */
export function textFault(text: string): string | undefined {
  if (text.includes("\0")) return "without U+0000";
  if (!text.isWellFormed()) return "without lone surrogates";
  // A character takes three bytes at most.
  const isShort = text.length * 3 <= MAX_BYTES;
  if (isShort || encoder.encode(text).length <= MAX_BYTES) return undefined;
  return `at most ${MAX_BYTES} bytes`;
}

/** What the name of a topic must be where this is not; undefined for a good one. */
export function topicFault(topic: string): string | undefined {
  if (topic === "") return "a topic of at least one character";
  if (/[+#]/.test(topic)) return "a topic without wildcards";
  return textFault(topic);
}

/** What a filter must be where this is not; undefined for a good one. */
export function filterFault(filter: string): string | undefined {
  if (filter === "") return "a filter of at least one character";
  if (/[^/]\+|\+[^/]/.test(filter)) return "a filter whose + is a whole level";
  if (/[^/]#|#./s.test(filter)) return "a filter whose # is its last level";
  return textFault(filter);
}

/** A filter such as `sensors/+/temperature` or `sensors/#`. */
export class TopicFilter {
  readonly #levels: string[];
  /** Whether it can only choose the topic that it spells. */
  readonly #isPlain: boolean;

  /** Takes a filter that {@linkcode filterFault} finds nothing wrong with. */
  constructor(readonly text: string) {
    // Of a shared subscription the broker sends the topics of what comes third.
    const own = text.replace(/^\$share\/[^/]+\//, "");
    this.#levels = own.split("/");
    this.#isPlain = own === text && !/[+#]/.test(text);
  }

  /** Whether the filter chooses this topic. */
  matches(topic: string): boolean {
    if (this.#isPlain) return topic === this.text;
    const levels = this.#levels;
    // Topics of the broker's own are chosen by name alone.
    if (topic[0] === "$" && /^[+#]/.test(levels[0])) return false;
    let start = 0;
    for (let i = 0; i < levels.length; i++) {
      if (levels[i] === "#") return true;
      if (start > topic.length) return false;
      const slash = topic.indexOf("/", start);
      const end = slash < 0 ? topic.length : slash;
      const matches = levels[i] === "+" ||
        levels[i].length === end - start && topic.startsWith(levels[i], start);
      if (!matches) return false;
      start = end + 1;
    }
    return start > topic.length;
  }
}
