/**
 * The bytes in a frame, which encoding must not change.
 *
 * @module
 */

/** Objects that are looked at for bytes, and bytes that are remembered, in a frame. */
const MAX_OBJECTS = 1_000;
const MAX_BYTES = 1_048_576;

/** The bytes of all arrays that are found in a frame, as they were. */
export class FrameBytes {
  readonly #views: { readonly now: Uint8Array; readonly then: Uint8Array }[] =
    [];

  constructor(frame: unknown) {
    const objects = new Set([frame]);
    let left = MAX_BYTES;
    for (const object of objects) {
      if (typeof object !== "object" || object === null) continue;
      if (ArrayBuffer.isView(object)) {
        const { buffer, byteOffset, byteLength } = object;
        left -= byteLength;
        if (left < 0) return;
        const now = new Uint8Array(buffer, byteOffset, byteLength);
        this.#views.push({ now, then: now.slice() });
        continue;
      }
      // What a getter gives is made anew, and may not be asked for twice.
      for (
        const property of Object.values(
          Object.getOwnPropertyDescriptors(object),
        )
      ) {
        if (objects.size < MAX_OBJECTS) objects.add(property.value);
      }
    }
  }

  /** Whether one of them is not as it was. */
  get haveChanged(): boolean {
    return this.#views.some(({ now, then }) =>
      now.length !== then.length || now.some((byte, i) => byte !== then[i])
    );
  }
}
