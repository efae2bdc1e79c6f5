import { Buffer } from "node:buffer";
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import {
  DelimiterSearch,
  searchFor,
} from "../../lib/bytes/_delimiter_search.ts";
import { ByteQueue } from "../../lib/bytes/byte_queue.ts";
import { NO_SLABS, type Slab, slabOf } from "../../lib/bytes/_slab.ts";

const SLABS = 1000;

/** A slab that counts how often its bytes are looked at. */
function watched(slab: Slab, seen: () => void): Slab {
  return new Proxy(slab, {
    get(target, key: keyof Slab) {
      if (key === "bytes") seen();
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
    const search = new DelimiterSearch(needle);
    const find = () => {
      looks = 0;
      return search.find(0, front, 0, 10, list);
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

Deno.test("a search begins anew where its place has gone", () => {
  const bytes = new Uint8Array([1, 2, 1, 2, 3]);
  const one = new DelimiterSearch(1);
  const pattern = new DelimiterSearch(new Uint8Array([2, 3]));
  const find = (search: DelimiterSearch, start: number) =>
    search.find(start, bytes, start, bytes.length, NO_SLABS);
  assertEquals(find(one, 0), 0);
  assertEquals(find(one, 1), 1);
  assertEquals(find(one, 3), -1);
  assertEquals(find(pattern, 0), 3);
  assertEquals(find(pattern, 4), -1);
});

Deno.test("a search is found again by its bytes, in whatever array they are", () => {
  let first: DelimiterSearch | undefined;
  const search = (...bytes: number[]) =>
    first = searchFor(Uint8Array.from(bytes), first);
  const pair = search(13, 10);
  const [one, other] = [search(10), search(13, 11)];
  assert(pair !== one && pair !== other && one !== other);
  for (let round = 0; round < 3; round++) {
    assertStrictEquals(search(13, 10), pair);
    assertStrictEquals(search(10), one);
    assertStrictEquals(first = searchFor(10, first), one);
    assertStrictEquals(search(13, 11), other);
  }
  // An array that changes is another needle.
  const changing = Uint8Array.of(13, 10);
  assertStrictEquals(first = searchFor(changing, first), pair);
  changing[1] = 11;
  assertStrictEquals(first = searchFor(changing, first), other);
});

Deno.test("sixteen searches are remembered, and the one unused for longest is forgotten", () => {
  let first: DelimiterSearch | undefined;
  const search = (byte: number) => first = searchFor(byte, first);
  const searches = Array.from({ length: 16 }, (_, i) => search(i));
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 16; i++) assertStrictEquals(search(i), searches[i]);
  }
  search(99);
  for (let i = 1; i < 16; i++) assertStrictEquals(search(i), searches[i]);
  assert(search(0) !== searches[0]);
  let count = 0;
  for (let each = first; each !== undefined; each = each.next) count++;
  assertEquals(count, 16);
});

Deno.test("a needle may be an array of any class, and be used again for other bytes", () => {
  const queue = new ByteQueue();
  queue.append(new TextEncoder().encode("xxcdxxab"));
  const needle = Buffer.from("ab");
  assertEquals(queue.indexOf(needle), 6);
  needle.write("cd");
  assertEquals(queue.indexOf(needle), 2);
});

Deno.test("a search goes on where it stopped when bytes were put back in front", () => {
  for (const needle of [10, new Uint8Array([13, 10])]) {
    let looks = 0;
    let list = NO_SLABS;
    const add = (...values: number[]) => {
      const slab = slabOf(Uint8Array.from(values));
      list = list.push(watched(slab, () => looks++));
    };
    for (let i = 0; i < SLABS; i++) add(0, 0, 0);
    const search = new DelimiterSearch(needle);
    const find = (place: number, ...front: number[]) => {
      looks = 0;
      const bytes = Uint8Array.from(front);
      return search.find(place, bytes, 0, bytes.length, list);
    };
    assertEquals(find(0, 0, 0, 0), -1);
    for (let i = 0; i < 3; i++) {
      // One byte is taken, and put back, each time that some arrive.
      search.onPutBack(1);
      add(13);
      assertEquals(find(0, 0, 0, 0), -1);
      assert(looks <= 6, `${looks} slabs were looked at again`);
    }
    search.onPutBack(0);
    assertEquals(find(-2, 13, 10, 0, 0, 0), needle === 10 ? 1 : 0);
    search.onPutBack(0);
    add(10);
    const end = 1 + 3 + 3 * SLABS + 3;
    assertEquals(find(-1, 0, 0, 0, 0), needle === 10 ? end : end - 1);
  }
});
