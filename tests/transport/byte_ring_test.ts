import { assert, assertEquals } from "@std/assert";
import { randomCut, seededRandom } from "../../lib/_random.ts";
import { ByteRing } from "../../lib/transport/byte_ring.ts";

Deno.test("ByteRing gives the bytes back in order, however they go in and out", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = seededRandom(seed);
    const ring = new ByteRing();
    let pushed = 0;
    let taken = 0;
    const next = (place: number) => place % 251;
    for (let i = 0; i < 2_000; i++) {
      if (random() < 0.5) {
        const count = randomCut(3_000, random);
        // Longer than what is pushed, as a buffer is.
        const source = Uint8Array.from(
          { length: count + 5 },
          (_, at) => next(pushed + at),
        );
        ring.push(source, count);
        source.fill(255);
        pushed += count;
      } else if (ring.length > 0) {
        const count = randomCut(ring.length, random);
        let bytes = new Uint8Array(count);
        if (random() < 0.5) {
          ring.take(bytes, count);
        } else {
          const head = ring.head(count);
          assert(head.length > 0 && head.length <= count);
          bytes = head.slice();
          ring.drop(bytes.length);
        }
        assertEquals(bytes, bytes.map((_, at) => next(taken + at)));
        taken += bytes.length;
      }
      assertEquals(ring.length, pushed - taken);
    }
    ring.clear();
    assertEquals(ring.length, 0);
  }
});
