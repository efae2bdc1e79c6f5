/**
 * Whether two frames are the same.
 *
 * @module
 */

/** Pairs that are being compared: of objects that contain themselves. */
type Pairs = Map<object, Set<object>>;

/**
 * Compares by value: primitives, bytes, errors, plain objects, collections such as a `Map`
 * and `Headers`, and what says in text what it is, as a `URL` and a `RegExp` do. Of all
 * else, what an object keeps to itself is not compared.
 */
export function isEqual(a: unknown, b: unknown): boolean {
  return isSame(a, b, new Map());
}

function isSame(a: unknown, b: unknown, pairs: Pairs): boolean {
  if (Object.is(a, b)) return true;
  if (
    typeof a !== "object" || typeof b !== "object" || a === null || b === null
  ) {
    return false;
  }
  if (ArrayBuffer.isView(a) && ArrayBuffer.isView(b)) {
    // A subclass of Uint8Array, such as Buffer, has the same bytes.
    return equalBytes(bytesOf(a), bytesOf(b));
  }
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  const others = pairs.get(a) ?? new Set();
  if (others.has(b)) return true;
  pairs.set(a, others.add(b));
  if (a instanceof Date) return Object.is(a.getTime(), (b as Date).getTime());
  if (a instanceof ArrayBuffer) {
    return equalBytes(new Uint8Array(a), new Uint8Array(b as ArrayBuffer));
  }
  if (a instanceof Error) {
    if (a.message !== (b as Error).message) return false;
  } else if (textOf(a) !== textOf(b)) {
    return false;
  }
  if (isCollection(a) && isCollection(b) && !isSame([...a], [...b], pairs)) {
    return false;
  }
  const keys = keysOf(a);
  return keys.length === keysOf(b).length &&
    keys.every((key) =>
      Object.hasOwn(b, key) &&
      isSame(Reflect.get(a, key), Reflect.get(b, key), pairs)
    );
}

function keysOf(object: object): PropertyKey[] {
  const keys = Reflect.ownKeys(object);
  // Where an error was made is no part of a frame.
  return object instanceof Error ? keys.filter((key) => key !== "stack") : keys;
}

/** What its class has instead of `[object Object]`: all that is seen of a `URL`. */
function textOf(object: object): string | undefined {
  // An array's is that of its values, which are compared.
  if (Array.isArray(object)) return undefined;
  const toText: unknown = object.toString;
  return typeof toText === "function" && toText !== Object.prototype.toString
    ? String(toText.call(object))
    : undefined;
}

/** Whether it has entries; an array has its keys. */
function isCollection(object: object): object is Iterable<unknown> {
  return !Array.isArray(object) && Symbol.iterator in object &&
    "entries" in object;
}

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i]) return false;
  }
  return true;
}
