/**
 * The one way to check arguments and options.
 *
 * Bad arguments are refused at once, as `Cannot X: Y must be Z, got V`: a `TypeError`
 * where the kind is wrong, a `RangeError` where the value is. A value is shown short and on
 * one line; a secret is never passed to these functions, only its kind is.
 *
 * Unknown option names are refused, too: a misspelt limit would be no limit, and a
 * misspelt `clientCaCerts` would let in every client.
 *
 * This file imports nothing. All of `lib/` may import it.
 *
 * @module
 */

/** A value for an error text: short, and on one line. */
export function show(value: unknown): string {
  switch (typeof value) {
    case "string":
      return showText(value);
    case "bigint":
      return `${value}n`;
    case "symbol":
      return "a symbol";
    case "function":
      return "a function";
    case "object":
      return value === null ? "null" : showObject(value);
    default:
      return String(value);
  }
}

/**
 * Characters that JSON leaves as they are and a terminal acts on or does not show: C1
 * controls, bidirectional marks, the byte order mark.
 */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}]/gu;
const SHOWN_CHARACTERS = 60;

function showText(value: string): string {
  // A peer may have sent a large text: only the part that is shown is encoded.
  const text = JSON.stringify(value.slice(0, SHOWN_CHARACTERS)).replace(
    UNSEEN,
    (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`,
  );
  return text.length > SHOWN_CHARACTERS
    ? `${text.slice(0, SHOWN_CHARACTERS - 4)}..."`
    : text;
}

/**
 * The message of an error. Any value can be thrown, and reading any property of it may
 * throw.
 */
export function messageOf(error: unknown): string {
  try {
    return error instanceof Error ? String(error.message) : String(error);
  } catch {
    return show(error);
  }
}

/** What was thrown, for an error text: the message of an error, or else the value. */
export function thrownText(thrown: unknown): string {
  try {
    if (thrown instanceof Error) return String(thrown.message);
  } catch {
    // As any other value.
  }
  return show(thrown);
}

/**
 * Whether a value is of a class. Any value can be thrown, or be the reason of a signal, and
 * a Proxy may throw when that is asked.
 */
export function isA<T>(
  value: unknown,
  type: abstract new (...args: never[]) => T,
): value is T {
  try {
    return value instanceof type;
  } catch {
    return false;
  }
}

/** A getter or a Proxy that throws does not break the error text. */
function showObject(value: object): string {
  try {
    if (Array.isArray(value)) return `an array of ${value.length}`;
    if (ArrayBuffer.isView(value)) {
      return `${
        withArticle(nameOf(value) || "view")
      } of ${value.byteLength} bytes`;
    }
    const name = nameOf(value);
    return name === "" || name === "Object" ? "an object" : withArticle(name);
  } catch {
    return "an object";
  }
}

function withArticle(noun: string): string {
  return `${/^[AEIO]/i.test(noun) ? "an" : "a"} ${noun}`;
}

/** The name of the object's class. */
function nameOf(value: object): string {
  const name: unknown = value.constructor?.name;
  return typeof name === "string" ? name : "";
}

/** An error to throw: `name` is of the wrong kind. */
export function wrongKind(
  action: string,
  name: string,
  must: string,
  value: unknown,
): TypeError {
  return new TypeError(badArgument(action, name, must, value));
}

/** An error to throw: `name` is of the right kind and out of range. */
export function outOfRange(
  action: string,
  name: string,
  must: string,
  value: unknown,
): RangeError {
  return new RangeError(badArgument(action, name, must, value));
}

function badArgument(
  action: string,
  name: string,
  must: string,
  value: unknown,
): string {
  return `Cannot ${action}: ${name} must be ${must}, got ${show(value)}`;
}

/** Throws unless `value` is a number from `least` to `most`; `Infinity` by default. */
export function checkNumber(
  action: string,
  name: string,
  value: unknown,
  least: number,
  most = Infinity,
): asserts value is number {
  if (typeof value !== "number") {
    throw wrongKind(action, name, "a number", value);
  }
  if (!(value >= least && value <= most)) {
    const must = most === Infinity
      ? `at least ${least}`
      : `from ${least} to ${most}`;
    throw outOfRange(action, name, must, value);
  }
}

/** Throws unless `value` is a number above 0, or `Infinity`: a duration of which some is left. */
export function checkAboveZero(
  action: string,
  name: string,
  value: unknown,
): asserts value is number {
  if (typeof value !== "number") {
    throw wrongKind(action, name, "a number", value);
  }
  if (!(value > 0)) throw outOfRange(action, name, "above 0", value);
}

/** Throws unless `value` is a whole number from `least` to `most`. */
export function checkInteger(
  action: string,
  name: string,
  value: unknown,
  least: number,
  most: number = Number.MAX_SAFE_INTEGER,
): asserts value is number {
  if (typeof value !== "number") {
    throw wrongKind(action, name, "a number", value);
  }
  if (!(Number.isInteger(value) && value >= least && value <= most)) {
    const must = most === Number.MAX_SAFE_INTEGER
      ? `an integer of at least ${least}`
      : `an integer from ${least} to ${most}`;
    throw outOfRange(action, name, must, value);
  }
}

/** Throws unless `value` is a whole number of at least `least`, or `Infinity` for no limit. */
export function checkLimit(
  action: string,
  name: string,
  value: unknown,
  least = 0,
): asserts value is number {
  if (typeof value !== "number") {
    throw wrongKind(action, name, "a number", value);
  }
  if (
    value !== Infinity && !(Number.isSafeInteger(value) && value >= least)
  ) {
    const must = `an integer of at least ${least}, or Infinity`;
    throw outOfRange(action, name, must, value);
  }
}

/** Throws unless `value` is one of `choices`. */
export function checkOneOf(
  action: string,
  name: string,
  value: unknown,
  choices: readonly unknown[],
): void {
  if (choices.includes(value)) return;
  const all = choices.map(show);
  const last = all.pop();
  const must = all.length === 0 ? `${last}` : `${all.join(", ")} or ${last}`;
  // A value of the same type is out of range; one of another type is of the wrong kind.
  const isKind = choices.some((choice) => typeof choice === typeof value);
  throw (isKind ? outOfRange : wrongKind)(action, name, must, value);
}

/** Throws unless `value` is `true` or `false`. */
export function checkBoolean(
  action: string,
  name: string,
  value: unknown,
): asserts value is boolean {
  if (typeof value !== "boolean") {
    throw wrongKind(action, name, "a boolean", value);
  }
}

/** Throws unless `value` is text, of at least one character. */
export function checkText(
  action: string,
  name: string,
  value: unknown,
): asserts value is string {
  if (typeof value !== "string" || value === "") {
    throw wrongKind(action, name, "a string that is not empty", value);
  }
}

/** Throws unless `value` can be called. */
export function checkFunction(
  action: string,
  name: string,
  value: unknown,
): asserts value is (...args: never[]) => unknown {
  if (typeof value !== "function") {
    throw wrongKind(action, name, "a function", value);
  }
}

/**
 * The answer of a user's predicate, which may be called for each frame. Anything but `true`
 * and `false` throws: a promise would pass for `true`, and what it rejects with would end
 * the process.
 */
export function answerOf(
  action: string,
  name: string,
  answer: unknown,
): boolean {
  if (typeof answer === "boolean") return answer;
  throw wrongResult(action, name, "true or false at once", answer);
}

/** An error to throw: what a user's function has returned is of the wrong kind. */
export function wrongResult(
  action: string,
  name: string,
  what: string,
  result: unknown,
): TypeError {
  // An async function returned it: without this, its rejection would be unhandled.
  Promise.resolve(result).catch(() => {});
  return wrongKind(action, name, `a function that returns ${what}`, result);
}

/** Whether a value is a promise or another thenable. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null &&
    typeof (value as { then?: unknown }).then === "function";
}

/** Throws unless `value` is an object with these methods. */
export function checkMethods(
  action: string,
  name: string,
  value: unknown,
  methods: readonly string[],
): void {
  const found = Object(value) as Record<string, unknown>;
  // By index, as an iterator would be garbage of half a kilobyte for each connection.
  for (let i = 0; i < methods.length; i++) {
    if (typeof found[methods[i]] === "function") continue;
    const must = `an object with ${methods.join("() and ")}()`;
    throw wrongKind(action, name, must, value);
  }
}

// Made once, as a list in the call would be garbage of each connection.
const TRANSPORT_METHODS = ["read", "write", "closeWrite", "close"];

/** Throws unless `value` has the methods of a transport. */
export function checkTransport(
  action: string,
  name: string,
  value: unknown,
): void {
  checkMethods(action, name, value, TRANSPORT_METHODS);
}

/** Throws unless `value` is a signal that can be listened to. */
export function checkSignal(
  action: string,
  name: string,
  value: unknown,
): asserts value is AbortSignal {
  if (!(value instanceof AbortSignal)) {
    throw wrongKind(action, name, "an AbortSignal", value);
  }
}

/** What the data of most calls may be: see {@linkcode checkBytes}. */
export const TEXT_OR_BYTES = "a string or a Uint8Array";

/**
 * Throws unless `value` is a `Uint8Array` whose memory is there: other arrays would spoil
 * what is counted in bytes, and one that was transferred has no bytes any more.
 *
 * @param kind What it must be, where strings were let through before.
 */
export function checkBytes(
  action: string,
  name: string,
  value: unknown,
  kind: string = "a Uint8Array",
): asserts value is Uint8Array {
  // A Proxy of an array passes `instanceof`, but has no memory.
  const isArray = value instanceof Uint8Array && ArrayBuffer.isView(value);
  // The rest is a function of its own, because the engine inlines short functions only.
  if (!(isArray && value.length > 0)) {
    checkEmptyBytes(action, name, value, kind);
  }
}

/** Refuses all but an array without bytes. */
function checkEmptyBytes(
  action: string,
  name: string,
  value: unknown,
  kind: string,
): void {
  if (!(value instanceof Uint8Array)) {
    throw wrongKind(action, name, kind, value);
  }
  if (isDetached(value)) {
    throw new TypeError(
      `Cannot ${action}: ${name} must be a Uint8Array with its memory, got one that was transferred or shrunk, or a Proxy`,
    );
  }
}

/** Whether the memory of an array was transferred, or taken away by shrinking it. */
export function isDetached(array: Uint8Array): boolean {
  try {
    // Both leave a length of 0, which `at` alone can tell from an array that is empty.
    Uint8Array.prototype.at.call(array, 0);
    return false;
  } catch {
    return true;
  }
}

/** Throws unless `value` is an object that can hold options. */
export function checkObject(
  action: string,
  name: string,
  value: unknown,
): asserts value is object {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw wrongKind(action, name, "an object", value);
  }
}

/**
 * Throws unless `options` is an object whose own names are all among `known`.
 *
 * @param name What the object is called in an error, for instance `"tls"`.
 */
export function checkNames(
  action: string,
  name: string,
  options: unknown,
  known: ReadonlySet<string>,
): asserts options is object {
  checkObject(action, name, options);
  // Not over `Object.keys`, which would be garbage for each call.
  for (const given in options) {
    if (!known.has(given) && Object.hasOwn(options, given)) {
      throw unknownName(action, name, given, known);
    }
  }
}

/**
 * The options of these names, in an object of their own: each is read once, so that what is
 * checked is what is used. What an object has from its class or its prototype counts, too,
 * which a spread would leave out: a limit, or a check of a certificate, would silently be
 * lost.
 */
export function readOptions<T extends object>(
  options: T,
  names: ReadonlySet<string>,
): T {
  const given = options as Record<string, unknown>;
  const read: Record<string, unknown> = {};
  for (const name of names) {
    const value = given[name];
    if (value !== undefined) read[name] = value;
  }
  return read as T;
}

function unknownName(
  action: string,
  name: string,
  given: string,
  known: ReadonlySet<string>,
): TypeError {
  const where = name === "options" ? "" : ` of ${name}`;
  const nearest = nearestName(given, known);
  const remedy = nearest === undefined
    ? `known are ${[...known].join(", ")}`
    : `did you mean ${nearest}?`;
  return new TypeError(
    `Cannot ${action}: unknown option ${show(given)}${where}, ${remedy}`,
  );
}

/**
 * The known name that shares most letters with `given`, in their order. Beginning with
 * the same word counts most: `idleTimeoutMs` is meant to be `idleMs`, not `closeTimeoutMs`.
 */
function nearestName(
  given: string,
  known: ReadonlySet<string>,
): string | undefined {
  const elsewhere = NAMES_ELSEWHERE[given];
  if (known.has(elsewhere)) return elsewhere;
  const wanted = given.slice(0, MAX_COMPARED_LETTERS);
  let nearest: string | undefined;
  let best = 0;
  for (const name of known) {
    const shared = sharedLetters(wanted.toLowerCase(), name.toLowerCase());
    const similarity = 2 * shared / (wanted.length + name.length);
    const score = similarity + (name.startsWith(firstWord(wanted)) ? 0.25 : 0);
    // Without this bound `deadline` would be taken for `keepAlive`, because they share
    // letters.
    if (score >= 0.6 && score > best) {
      best = score;
      nearest = name;
    }
  }
  return nearest;
}

/**
 * Names of options in Node that are not similar to the right name here, or more similar to
 * a wrong one.
 */
const NAMES_ELSEWHERE: Record<string, string> = {
  host: "hostname",
  ca: "caCerts",
};

const MAX_COMPARED_LETTERS = 64;

/** `idle` of `idleTimeoutMs`. */
function firstWord(name: string): string {
  return /^[a-z]+/.exec(name)?.[0] ?? name;
}

/** The length of the longest common subsequence. */
function sharedLetters(a: string, b: string): number {
  let previous = new Uint8Array(b.length + 1);
  for (const letter of a) {
    const row = new Uint8Array(b.length + 1);
    for (let j = 0; j < b.length; j++) {
      row[j + 1] = letter === b[j]
        ? previous[j] + 1
        : Math.max(previous[j + 1], row[j]);
    }
    previous = row;
  }
  return previous[b.length];
}
