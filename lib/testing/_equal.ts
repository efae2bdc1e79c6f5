/**
 * Whether two frames are the same.
 *
 * @module
 */

/** Compares by value: primitives, bytes, dates, errors, maps, sets, plain objects. */
export function isEqual(a: unknown, b: unknown): boolean {
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
  if (a instanceof Date) return Object.is(a.getTime(), (b as Date).getTime());
  if (a instanceof ArrayBuffer) {
    return equalBytes(new Uint8Array(a), new Uint8Array(b as ArrayBuffer));
  }
  if (a instanceof Map) return isEqual([...a], [...b as Map<unknown, unknown>]);
  if (a instanceof Set) return isEqual([...a], [...b as Set<unknown>]);
  if (a instanceof Error && a.message !== (b as Error).message) return false;
  const keys = Reflect.ownKeys(a);
  return keys.length === Reflect.ownKeys(b).length &&
    keys.every((key) =>
      Object.hasOwn(b, key) &&
      isEqual(Reflect.get(a, key), Reflect.get(b, key))
    );
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
