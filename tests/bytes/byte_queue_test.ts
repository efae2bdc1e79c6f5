import {
  assert,
  assertEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { ByteQueue } from "../../lib/bytes/byte_queue.ts";
import { bytes, counting, read } from "./_support.ts";

Deno.test("ByteQueue takes bytes in the order they came", () => {
  const queue = new ByteQueue();
  read(queue, counting(300), 7);
  assertEquals(queue.length, 300);
  assertEquals(queue.take(5), counting(5));
  queue.skip(5);
  assertEquals(queue.at(0), 10);
  assertEquals(queue.takeAll(), counting(290, 10));
  assertEquals(queue.length, 0);
  assertEquals(queue.takeAll(), bytes());
});

Deno.test("ByteQueue never writes where it has handed out", () => {
  const queue = new ByteQueue();
  const views: Uint8Array[] = [];
  for (let i = 0; i < 2000; i++) {
    read(queue, counting(50, i));
    views.push(queue.take(50));
  }
  views.forEach((view, i) => assertEquals(view, counting(50, i)));
});

Deno.test("ByteQueue refuses to hand out more than it has", () => {
  const queue = new ByteQueue();
  queue.append(bytes(1, 2, 3));
  for (const length of [4, -1, 0.5, NaN, Infinity]) {
    assertThrows(() => queue.take(length), RangeError, "from 0 to 3");
    assertThrows(() => queue.skip(length), RangeError, "from 0 to 3");
    assertThrows(() => queue.peek(length), RangeError, "from 0 to 3");
  }
  assertThrows(
    () => queue.take(4),
    RangeError,
    "Cannot take bytes: length must be an integer from 0 to 3, got 4",
  );
  assertThrows(() => queue.uintAt(1, 3), RangeError, "from 0 to 0");
  assertThrows(() => queue.indexOf(bytes()), RangeError, "at least 1");
  assertEquals(queue.takeAll(), bytes(1, 2, 3));
});

Deno.test("ByteQueue refuses an index that is none, in whatever slab it would be", () => {
  const parts = [[bytes(1, 2, 3)], [bytes(1), counting(5000)], []];
  for (const part of parts) {
    const queue = new ByteQueue();
    for (const each of part) queue.append(each);
    const { length } = queue;
    const bad = [-1, -5, length, 0.5, 1.5, NaN, Infinity, -Infinity, 2 ** 32];
    for (const index of bad) {
      assertThrows(() => queue.at(index), RangeError, "index");
      assertThrows(() => queue.uintAt(index, 1), RangeError, "index");
    }
    for (const index of ["0", "1", null, undefined, {}, 1n]) {
      assertThrows(() => queue.at(index as number), TypeError);
      assertThrows(() => queue.uintAt(index as number, 1), TypeError);
      assertThrows(() => queue.take((index ?? "0") as number), TypeError);
      assertThrows(() => queue.skip((index ?? "0") as number), TypeError);
      assertThrows(() => queue.peek((index ?? "0") as number), TypeError);
    }
    // A number holds 2^53 exactly, which is less than 7 bytes may say.
    for (const width of [0, 7, 8, -1, 1.5, NaN, Infinity]) {
      assertThrows(() => queue.uintAt(0, width), RangeError, "from 1 to 6");
    }
    for (const most of [-5, -1, 0.5, NaN, -Infinity]) {
      assertThrows(() => queue.peekChunk(most), RangeError, "most");
    }
    assertEquals(queue.peekChunk(0), bytes());
    assertEquals(queue.length, length);
  }
});

Deno.test("ByteQueue refuses what is no array of bytes", () => {
  const queue = new ByteQueue();
  queue.append(bytes(1, 2, 3));
  const detached = bytes(1, 2);
  detached.buffer.transfer();
  const wrong = ["ab", new Uint16Array(2), [1, 2], null, undefined, detached];
  for (const value of wrong as Uint8Array[]) {
    assertThrows(() => queue.append(value), TypeError, "must be a Uint8Array");
    assertThrows(() => queue.prepend(value), TypeError, "must be a Uint8Array");
    assertThrows(() => queue.takeInto(value), TypeError, "a Uint8Array");
    for (let known = 0; known < 2; known++) {
      assertThrows(() => queue.indexOf(value), TypeError, "a Uint8Array");
      queue.indexOf(bytes(1, 2));
    }
  }
  for (const byte of [-1, 256, 1.5, NaN, Infinity]) {
    assertThrows(() => queue.indexOf(byte), RangeError, "from 0 to 255");
  }
  assertEquals(queue.takeAll(), bytes(1, 2, 3));
});

Deno.test("ByteQueue refuses to commit more than it offered", () => {
  const queue = new ByteQueue();
  const space = queue.reserve();
  for (const length of [space.length + 1, -1, 1.5]) {
    assertThrows(() => queue.commit(length), RangeError);
  }
  queue.commit(1);
  assertThrows(() => queue.commit(1), RangeError, "from 0 to 0");
  queue.reserve();
  queue.clear();
  assertThrows(() => queue.commit(1), RangeError, "from 0 to 0");
});

Deno.test("ByteQueue reads integers of all widths, also across slabs", () => {
  const queue = new ByteQueue();
  for (let width = 1; width <= 6; width++) {
    for (const cut of [0, 1, 3, 5]) {
      queue.clear();
      const data = counting(12, 0xf7);
      queue.prepend(data.subarray(cut));
      queue.prepend(data.subarray(0, cut));
      let big = 0;
      let little = 0;
      for (let i = 0; i < width; i++) {
        big = big * 256 + data[2 + i];
        little = little * 256 + data[2 + width - 1 - i];
      }
      assertEquals(queue.uintAt(2, width), big);
      assertEquals(queue.uintAt(2, width, true), little);
    }
  }
});

Deno.test("ByteQueue joins the pieces of what is peeked at, and copies once", () => {
  const queue = new ByteQueue();
  for (let i = 0; i < 5; i++) queue.append(counting(5000, i));
  const view = queue.peek(12_000);
  assertEquals(view.length, 12_000);
  assertEquals(queue.peek(12_000).buffer, view.buffer);
  assertEquals(queue.length, 25_000);
  for (let i = 0; i < 5; i++) assertEquals(queue.take(5000), counting(5000, i));
});

Deno.test("ByteQueue hands out chunks without copying them", () => {
  const queue = new ByteQueue();
  const first = counting(5000);
  const second = counting(5000, 1);
  queue.append(first);
  queue.append(second);
  assertEquals(queue.peekChunk(10).length, 10);
  assertEquals(queue.peekChunk().buffer, first.buffer);
  assertEquals(queue.takeChunk().buffer, first.buffer);
  assertEquals(queue.takeChunk().buffer, second.buffer);
  assertEquals(queue.takeChunk(), bytes());
  assertEquals(queue.peekChunk(), bytes());
});

Deno.test("ByteQueue finds a byte and a pattern across slabs", () => {
  const queue = new ByteQueue();
  queue.append(new Uint8Array(5000).fill(1));
  queue.append(new Uint8Array(5000).fill(1));
  const tail = new Uint8Array(5000).fill(1);
  tail.set([2, 3, 4]);
  queue.append(tail);
  assertEquals(queue.indexOf(9), -1);
  assertEquals(queue.indexOf(2), 10_000);
  assertEquals(queue.indexOf(bytes(1, 1, 2, 3, 4)), 9998);
  assertEquals(queue.indexOf(bytes(2)), 10_000);
  assertEquals(queue.indexOf(bytes(4, 4)), -1);
});

Deno.test("ByteQueue goes on with a search that missed, and looks at each byte once", () => {
  const needle = bytes(13, 10, 13, 10);
  for (const target of [needle, 10]) {
    const queue = new ByteQueue();
    const cost = (size: number) => {
      queue.clear();
      const started = performance.now();
      for (let i = 0; i < size; i++) {
        queue.reserve()[0] = 13;
        queue.commit(1);
        assertEquals(queue.indexOf(target), -1);
      }
      return (performance.now() - started) / size;
    };
    cost(2000);
    // A search from the start each time would cost 12 times as much a byte. Other
    // work on the machine spoils most measurements, but not all.
    let least = Infinity;
    for (let attempt = 0; attempt < 25 && least > 5; attempt++) {
      const base = Math.min(cost(1000), cost(1000), cost(1000));
      least = Math.min(least, cost(12_000) / base);
    }
    assert(least <= 5, `a byte got ${least} times dearer`);
  }
});

/** The least time of a few runs for one of `count` steps, in nanoseconds. */
function costPerStep(run: (count: number) => void, count: number): number {
  let least = Infinity;
  for (let i = 0; i < 3; i++) {
    const started = performance.now();
    run(count);
    least = Math.min(least, performance.now() - started);
  }
  return 1e6 * least / count;
}

/** A step of many may cost little more than one of a few: not 16 times as much. */
function checkLinear(run: (count: number) => void, few: number): void {
  run(few);
  let least = Infinity;
  // Other work on the machine spoils some measurements, but not all.
  for (let attempt = 0; attempt < 8 && least > 5; attempt++) {
    const base = costPerStep(run, few);
    least = Math.min(least, costPerStep(run, 16 * few) / base);
  }
  assert(least <= 5, `a step got ${least} times dearer`);
}

Deno.test("ByteQueue goes on with a search for the same bytes in fresh arrays, and with several in turn", () => {
  const fresh = () => [bytes(13, 10, 13, 10)];
  const inTurn = () => [bytes(13, 10), bytes(0, 1), 9, bytes(5), bytes(13, 1)];
  for (const needles of [fresh, inTurn]) {
    checkLinear((count) => {
      const queue = new ByteQueue();
      for (let i = 0; i < count; i++) {
        queue.reserve()[0] = 13;
        queue.commit(1);
        for (const needle of needles()) queue.indexOf(needle);
      }
    }, 2000);
  }
});

Deno.test("ByteQueue puts single bytes back, and takes and looks at what is in many slabs, in linear time", () => {
  checkLinear((count) => {
    const queue = new ByteQueue();
    for (let i = 0; i < count; i++) queue.prepend(bytes(i));
    assert(queue.capacity < 2 * count + 1024, `${queue.capacity} bytes`);
    for (let i = count - 1; i >= 0; i--) {
      assertEquals(queue.at(0), i & 255);
      queue.skip(1);
    }
  }, 4000);
  const crowd = (count: number, part: Uint8Array) => {
    const queue = new ByteQueue();
    for (let i = 0; i < count; i++) queue.prepend(part);
    return queue;
  };
  const part = counting(65);
  checkLinear((count) => {
    const queue = crowd(count, part);
    for (let i = 0; i < count; i++) queue.uintAt(65 * i + 60, 5);
    for (let i = count - 1; i >= 0; i--) queue.at(65 * i);
    for (let i = 0; i < count; i++) queue.take(65);
    assertEquals(queue.length, 0);
  }, 500);
  checkLinear((count) => {
    const queue = crowd(count, part);
    assertEquals(queue.take(65 * count).length, 65 * count);
  }, 500);
  // Some are put back each time that some are taken.
  checkLinear((count) => {
    const queue = crowd(count, part);
    for (let i = 0; i < count; i++) {
      if (queue.length < 300) continue;
      queue.skip(100);
      queue.prepend(queue.take(66));
      queue.peek(70);
    }
  }, 500);
});

Deno.test("ByteQueue looks at all that has dripped in, again and again, in linear time", () => {
  checkLinear((count) => {
    const queue = new ByteQueue();
    for (let i = 0; i < count; i++) {
      queue.reserve()[0] = i;
      queue.commit(1);
      assertEquals(queue.peek(queue.length)[i], i & 255);
    }
  }, 4000);
});

Deno.test("ByteQueue searches anew for what was partly matched and then taken", () => {
  const queue = new ByteQueue();
  const needle = bytes(1, 2, 3);
  queue.append(bytes(9, 1, 2));
  assertEquals(queue.indexOf(needle), -1);
  queue.skip(2);
  queue.append(bytes(3, 1, 2, 3));
  assertEquals(queue.indexOf(needle), 2);
});

Deno.test("ByteQueue goes on with a search after its bytes were joined", () => {
  const queue = new ByteQueue();
  const needle = bytes(1, 2, 3);
  const first = new Uint8Array(5000);
  first.set([2, 3]);
  queue.append(first);
  queue.append(bytes(9, 1));
  // One byte of the needle is matched at the end, and the others stand in front.
  assertEquals(queue.indexOf(needle), -1);
  queue.peek(5001);
  assertEquals(queue.indexOf(needle), -1);
  queue.append(bytes(2, 3));
  assertEquals(queue.indexOf(needle), 5001);
});

Deno.test("ByteQueue searches anew after bytes were put back", () => {
  const queue = new ByteQueue();
  queue.append(bytes(1, 1, 1));
  assertEquals(queue.indexOf(7), -1);
  queue.prepend(bytes(7));
  assertEquals(queue.indexOf(7), 0);
});

Deno.test("ByteQueue searches anew after bytes were put back, however far it had looked", () => {
  const queue = new ByteQueue();
  const mib = 1024 * 1024;
  for (let i = 0; i < 40; i++) queue.append(new Uint8Array(mib));
  assertEquals(queue.indexOf(7), -1);
  assertEquals(queue.indexOf(bytes(7, 8)), -1);
  const revision = queue.revision;
  queue.prepend(counting(100));
  assertEquals(queue.indexOf(7), 7);
  assertEquals(queue.indexOf(bytes(7, 8)), 7);
  assert(queue.revision > revision + 40 * mib);
  queue.prepend(bytes(7, 8));
  assertEquals(queue.indexOf(7), 0);
  assertEquals(queue.indexOf(bytes(7, 8)), 0);
});

Deno.test("ByteQueue puts small arrays back where it has room, and never where it has handed out", () => {
  const queue = new ByteQueue();
  const source = bytes(1, 2, 3);
  queue.prepend(source);
  // A copy: the array is the caller's again.
  source.fill(9);
  queue.prepend(bytes(0));
  const view = queue.take(2);
  queue.prepend(bytes(7, 8));
  queue.prepend(bytes(6));
  assertEquals(view, bytes(0, 1));
  assertEquals(queue.take(5), bytes(6, 7, 8, 2, 3));
  for (let i = 0; i < 1000; i++) queue.prepend(bytes(i, i + 1, i + 2));
  for (let i = 999; i >= 0; i--) {
    assertEquals(queue.take(3), bytes(i, i + 1, i + 2));
  }
  assertEquals(queue.length, 0);
});

Deno.test("ByteQueue keeps a read in flight apart from all else that happens", () => {
  const queue = new ByteQueue();
  read(queue, counting(10));
  const space = queue.reserve();
  queue.take(4);
  queue.prepend(bytes(100, 101));
  assertEquals(queue.peek(5), bytes(100, 101, 4, 5, 6));
  space.set([10, 11, 12]);
  queue.commit(3);
  assertEquals(queue.takeAll(), bytes(100, 101, ...counting(9, 4)));
});

Deno.test("ByteQueue goes on in a new slab when a read in flight brought nothing", () => {
  const queue = new ByteQueue();
  read(queue, counting(200));
  queue.reserve();
  queue.skip(200);
  queue.prepend(counting(10));
  queue.commit(0);
  // The slab of that read has too little room left, and nothing in it.
  read(queue, counting(20, 10));
  assertEquals(queue.length, 30);
  assertEquals(queue.takeAll(), counting(30));
});

Deno.test("ByteQueue's revision changes with every change at the front", () => {
  const queue = new ByteQueue();
  const seen = [queue.revision];
  const changed = () => {
    assert(queue.revision > seen.at(-1)!, "the revision did not grow");
    seen.push(queue.revision);
  };
  queue.append(counting(5000));
  queue.append(counting(5000));
  assertEquals(queue.revision, 0);
  queue.take(3);
  changed();
  queue.skip(2);
  changed();
  queue.takeInto(new Uint8Array(6000));
  changed();
  queue.prepend(bytes(1));
  changed();
  queue.peek(queue.length);
  assertEquals(queue.revision, seen.at(-1));
  // What moves to another slab is still next.
  queue.append(counting(5000));
  queue.skip(queue.length - 2);
  changed();
  const { buffer } = queue.peek(2);
  assertStrictEquals(queue.reserve().buffer, queue.peek(2).buffer);
  assert(queue.peek(2).buffer !== buffer, "nothing has moved");
  assertEquals(queue.revision, seen.at(-1));
  queue.clear();
  changed();
});

Deno.test("ByteQueue behaves as an array of bytes does, whatever one does to it", () => {
  type Step = readonly [kind: string, size: number];
  const step: fc.Arbitrary<Step> = fc.tuple(
    fc.constantFrom(
      "append",
      "read",
      "prepend",
      "take",
      "skip",
      "takeInto",
      "takeChunk",
      "peek",
      "find",
      "findPattern",
      "uint",
    ),
    fc.oneof(fc.nat(20), fc.nat(12_000)),
  );
  const patterns = [[3, 4, 3], [6, 0], [5], [0, 1, 2, 3, 4, 5, 6, 0]];
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const queue = new ByteQueue();
      let model: number[] = [];
      let next = 0;
      const fresh = (size: number) =>
        new Uint8Array(size).map(() => next++ % 7);
      for (const [kind, size] of steps) {
        const count = Math.min(size, model.length);
        if (kind === "append" || kind === "read") {
          const data = fresh(size);
          if (kind === "append") queue.append(data);
          else read(queue, data);
          model = model.concat([...data]);
        } else if (kind === "prepend") {
          const data = fresh(size);
          queue.prepend(data);
          model = [...data].concat(model);
        } else if (kind === "peek") {
          assertEquals([...queue.peek(count)], model.slice(0, count));
        } else if (kind === "find") {
          assertEquals(queue.indexOf(size % 9), model.indexOf(size % 9));
        } else if (kind === "findPattern") {
          const pattern = patterns[size % patterns.length];
          assertEquals(
            queue.indexOf(Uint8Array.from(pattern)),
            model.findIndex((_, i) =>
              pattern.every((byte, k) => model[i + k] === byte)
            ),
          );
        } else if (kind === "uint") {
          const width = 1 + size % 6;
          if (count < width) continue;
          const wanted = model.slice(count - width, count)
            .reduce((sum, byte) => sum * 256 + byte, 0);
          assertEquals(queue.uintAt(count - width, width), wanted);
        } else {
          let taken: Uint8Array | undefined;
          if (kind === "take") taken = queue.take(count);
          else if (kind === "takeChunk") taken = queue.takeChunk();
          else if (kind === "skip") queue.skip(count);
          else {assertEquals(
              queue.takeInto(taken = new Uint8Array(count)),
              count,
            );}
          const gone = model.splice(0, taken?.length ?? count);
          if (taken !== undefined) assertEquals([...taken], gone);
        }
        assertEquals(queue.length, model.length);
        if (count > 0 && model.length > 0) {
          const index = size % model.length;
          assertEquals(queue.at(index), model[index]);
        }
      }
      assertEquals([...queue.takeAll()], model);
    }),
    { numRuns: 150, seed: 20 },
  );
});

Deno.test("ByteQueue gives plain arrays, of whatever class those were that went in", () => {
  class Odd extends Uint8Array {}
  const queue = new ByteQueue();
  for (const length of [5_000, 5_000, 100]) queue.append(new Odd(length));
  queue.prepend(new Odd(100));
  assertEquals(queue.peekChunk().constructor, Uint8Array);
  assertEquals(queue.peek(150).constructor, Uint8Array);
  assertEquals(queue.takeAll().length, 10_200);
});

Deno.test("ByteQueue looks over the edge of what was put back without joining it", () => {
  const queue = new ByteQueue();
  queue.append(counting(5000));
  const { capacity } = queue;
  for (let i = 0; i < 100; i++) {
    queue.prepend(bytes(7));
    assertEquals(queue.peek(3), bytes(7, 0, 1));
    queue.skip(1);
  }
  queue.prepend(bytes(7));
  assertEquals(queue.peek(2), bytes(7, 0));
  // The large slab is still in its place.
  assertEquals(queue.capacity - capacity <= 512, true);
  queue.append(counting(5000));
  assertEquals(queue.peek(4000).length, 4000);
  queue.skip(2_001);
  assertEquals(
    queue.peek(4000),
    Uint8Array.from([
      ...counting(5000).subarray(2000),
      ...counting(1000),
    ]),
  );
});

Deno.test("ByteQueue finds what is there, whatever is taken and put back", () => {
  const needles = ["a", "aa", "ab", "aab", "bab", "abab"].map((text) =>
    new TextEncoder().encode(text)
  );
  const letters = fc.array(fc.constantFrom(97, 98), { maxLength: 8 });
  const step = fc.record({
    how: fc.constantFrom("append", "prepend", "skip", "find"),
    letters,
    needle: fc.nat(needles.length - 1),
  });
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const queue = new ByteQueue();
    let model = "";
    for (const { how, letters, needle } of steps) {
      const text = String.fromCharCode(...letters);
      const count = Math.min(letters.length, model.length);
      if (how === "append") {
        queue.append(Uint8Array.from(letters));
        model += text;
      } else if (how === "prepend") {
        queue.prepend(Uint8Array.from(letters));
        model = text + model;
      } else if (how === "skip") {
        queue.skip(count);
        model = model.slice(count);
      } else {
        const sought = needles[needle];
        const found = model.indexOf(String.fromCharCode(...sought));
        assertEquals(queue.indexOf(sought), found);
        assertEquals(queue.indexOf(97), model.indexOf("a"));
      }
    }
  }));
});

Deno.test("ByteQueue.peekChunk() looks ahead from any place, slab by slab", () => {
  const queue = new ByteQueue();
  const all = new Uint8Array(20_000).map((_, i) => i % 251);
  queue.append(all.slice(0, 5000));
  queue.append(all.slice(5000, 11_000));
  queue.append(all.slice(11_000));
  queue.skip(100);
  for (const index of [0, 1, 4899, 4900, 4901, 10_899, 10_900, 19_899]) {
    const chunk = queue.peekChunk(Infinity, index);
    assert(chunk.length > 0);
    assertEquals(chunk, all.slice(100 + index, 100 + index + chunk.length));
    assertEquals(
      queue.peekChunk(1, index),
      all.slice(100 + index, 101 + index),
    );
  }
  let seen = 0;
  while (seen < queue.length) seen += queue.peekChunk(777, seen).length;
  assertEquals(seen, 19_900);
  assertEquals(queue.peekChunk(5, 19_900).length, 0);
  for (const index of [19_901, -1, 0.5, NaN]) {
    assertThrows(() => queue.peekChunk(5, index), RangeError, "index");
  }
  assertEquals(queue.length, 19_900);
});
