import { assert, assertEquals } from "@std/assert";
import { DelimiterSearch } from "../../lib/bytes/_delimiter_search.ts";
import { NO_SLABS, type Slab, slabOf } from "../../lib/bytes/_slab.ts";

const SLABS = 1000;

/** A slab that counts how often somebody looks at it. */
function watched(slab: Slab, seen: () => void): Slab {
  return new Proxy(slab, {
    get(target, key: keyof Slab) {
      if (key === "start") seen();
      return target[key];
    },
  });
}

Deno.test("a search goes on at the back, however many slabs it has been through", () => {
  for (const needle of [10, new Uint8Array([13, 10])]) {
    let looks = 0;
    let list = NO_SLABS;
    const add = (byte: number) => {
      const slab = slabOf(new Uint8Array(10).fill(byte));
      list = list.push(watched(slab, () => looks++));
    };
    const front = new Uint8Array(10);
    const search = new DelimiterSearch();
    const find = () => {
      looks = 0;
      return search.find(needle, 0, front, 0, 10, list);
    };
    for (let i = 0; i < SLABS; i++) add(0);
    assertEquals(find(), -1);
    assert(looks >= SLABS);
    for (let i = 0; i < 3; i++) {
      add(13);
      assertEquals(find(), -1);
      assert(looks <= 4, `${looks} slabs were looked at for one new`);
    }
    add(10);
    const end = 10 + 10 * (SLABS + 3);
    assertEquals(find(), needle === 10 ? end : end - 1);
    // What was found and not taken is found again, as cheaply.
    assertEquals(find(), needle === 10 ? end : end - 1);
    assert(looks <= 6, `${looks} slabs were looked at to find it again`);
  }
});

Deno.test("a search begins anew for another needle, and where its place has gone", () => {
  const search = new DelimiterSearch();
  const bytes = new Uint8Array([1, 2, 1, 2, 3]);
  const find = (needle: number | Uint8Array, start: number) =>
    search.find(needle, start, bytes, start, bytes.length, NO_SLABS);
  assertEquals(find(9, 0), -1);
  assertEquals(find(1, 0), 0);
  assertEquals(find(1, 1), 1);
  assertEquals(find(1, 3), -1);
  const pattern = new Uint8Array([2, 3]);
  assertEquals(find(pattern, 0), 3);
  assertEquals(find(pattern, 4), -1);
});
