import { assertEquals, assertThrows } from "@std/assert";
import {
  checkAboveZero,
  checkBoolean,
  checkBytes,
  checkFunction,
  checkInteger,
  checkLimit,
  checkMethods,
  checkNames,
  checkNumber,
  checkObject,
  checkOneOf,
  checkSignal,
  checkText,
  readOptions,
  show,
  TEXT_OR_BYTES,
} from "../lib/_check.ts";

Deno.test("a value is shown short, on one line, as what it is", () => {
  assertEquals(show("3"), '"3"');
  assertEquals(show("a\nb"), '"a\\nb"');
  assertEquals(show("x".repeat(100)).length, 60);
  // What a terminal obeys, or does not show: a peer may have sent it.
  assertEquals(
    show("\u009b31m\u202e\u2028\ufeff\u200b\u{e0041}"),
    '"\\u{9b}31m\\u{202e}\\u{2028}\\u{feff}\\u{200b}\\u{e0041}"',
  );
  assertEquals(show("\x7f\ud800é😀"), '"\\u{7f}\\ud800é😀"');
  assertEquals(show(3n), "3n");
  assertEquals(show(Symbol("s")), "a symbol");
  assertEquals(show(() => {}), "a function");
  assertEquals(show(null), "null");
  assertEquals(show(undefined), "undefined");
  assertEquals(show([1, 2]), "an array of 2");
  assertEquals(show({}), "an object");
  assertEquals(show(Object.create(null)), "an object");
  assertEquals(show(new Map()), "a Map");
  assertEquals(show(new ArrayBuffer(2)), "an ArrayBuffer");
  assertEquals(show(new Uint16Array(2)), "a Uint16Array of 4 bytes");
});

Deno.test("an object that resists is shown all the same", () => {
  const hostile = Object.defineProperty({}, "constructor", {
    get() {
      throw new Error("no");
    },
  });
  assertEquals(show(hostile), "an object");
});

Deno.test("a wrong kind is a TypeError, a wrong value a RangeError", () => {
  const cases: [() => void, ErrorConstructor, string][] = [
    [
      () => checkNumber("go", "n", "3", 1),
      TypeError,
      'Cannot go: n must be a number, got "3"',
    ],
    [
      () => checkNumber("go", "n", NaN, 1),
      RangeError,
      "Cannot go: n must be at least 1, got NaN",
    ],
    [
      () => checkNumber("go", "n", 9, 1, 5),
      RangeError,
      "Cannot go: n must be from 1 to 5, got 9",
    ],
    [
      () => checkAboveZero("go", "n", 0),
      RangeError,
      "Cannot go: n must be above 0, got 0",
    ],
    [
      () => checkInteger("go", "n", 1.5, 1),
      RangeError,
      "Cannot go: n must be an integer of at least 1, got 1.5",
    ],
    [
      () => checkInteger("go", "n", 1n, 1),
      TypeError,
      "Cannot go: n must be a number, got 1n",
    ],
    [
      () => checkLimit("go", "n", -1),
      RangeError,
      "Cannot go: n must be an integer of at least 0, or Infinity, got -1",
    ],
    [
      () => checkOneOf("go", "how", "fast", ["slow", "fastest"]),
      RangeError,
      'Cannot go: how must be "slow" or "fastest", got "fast"',
    ],
    [
      () => checkOneOf("go", "how", 1, ["slow"]),
      TypeError,
      'Cannot go: how must be "slow", got 1',
    ],
    [
      () => checkBoolean("go", "b", 1),
      TypeError,
      "Cannot go: b must be a boolean, got 1",
    ],
    [
      () => checkText("go", "t", ""),
      TypeError,
      'Cannot go: t must be a string that is not empty, got ""',
    ],
    [
      () => checkFunction("go", "f", {}),
      TypeError,
      "Cannot go: f must be a function, got an object",
    ],
    [
      () => checkMethods("go", "m", {}, ["a", "b"]),
      TypeError,
      "Cannot go: m must be an object with a() and b(), got an object",
    ],
    [
      () => checkSignal("go", "s", {}),
      TypeError,
      "Cannot go: s must be an AbortSignal, got an object",
    ],
    [
      () => checkBytes("go", "b", "text"),
      TypeError,
      'Cannot go: b must be a Uint8Array, got "text"',
    ],
    [
      () => checkBytes("go", "b", 3, TEXT_OR_BYTES),
      TypeError,
      "Cannot go: b must be a string or a Uint8Array, got 3",
    ],
    [
      () => checkObject("go", "o", null),
      TypeError,
      "Cannot go: o must be an object, got null",
    ],
    [
      () => checkObject("go", "o", []),
      TypeError,
      "Cannot go: o must be an object, got an array of 0",
    ],
  ];
  for (const [check, kind, text] of cases) {
    const error = assertThrows(check, kind);
    assertEquals(error.message, text);
    assertEquals(error.constructor, kind);
  }
});

Deno.test("good values pass", () => {
  checkNumber("go", "n", Infinity, 1);
  checkInteger("go", "n", 3, 3, 3);
  checkLimit("go", "n", Infinity);
  checkOneOf("go", "how", "slow", ["slow"]);
  checkBytes("go", "b", new Uint8Array());
  checkMethods("go", "m", { a() {} }, ["a"]);
});

Deno.test("an array that was transferred has no bytes to give", () => {
  const bytes = new Uint8Array(4);
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  assertThrows(
    () => checkBytes("write", "data", bytes),
    TypeError,
    "Cannot write: data must be a Uint8Array with its memory, got one that was transferred",
  );
});

Deno.test("unknown names are refused, and the nearest one is named", () => {
  const known = new Set([
    ...[
      "hostname",
      "port",
      "idleMs",
      "closeTimeoutMs",
      "clientCaCerts",
      "caCerts",
    ],
  ]);
  const cases: [string, string][] = [
    ["host", "hostname"],
    ["idleTimeoutMs", "idleMs"],
    ["clientCaCert", "clientCaCerts"],
    ["Port", "port"],
    ["ca", "caCerts"],
  ];
  for (const [given, meant] of cases) {
    assertThrows(
      () => checkNames("connect", "options", { [given]: 1 }, known),
      TypeError,
      `Cannot connect: unknown option "${given}", did you mean ${meant}?`,
    );
  }
  assertThrows(
    () => checkNames("connect", "tls", { zzz: 1 }, known),
    TypeError,
    'unknown option "zzz" of tls, known are hostname, port',
  );
  assertThrows(
    () =>
      checkNames("listen", "options", { deadline: 1 }, new Set(["keepAlive"])),
    TypeError,
    'unknown option "deadline", known are keepAlive',
  );
  const long = "x".repeat(1_000_000);
  assertThrows(
    () => checkNames("connect", "options", { [long]: 1 }, known),
    TypeError,
  );
});

Deno.test("inherited names and known ones pass, and a name that is added later does not", () => {
  const known = new Set(["a", "b", "c", "d", "e", "port"]);
  const options: object = { a: 1, b: 2, c: 3, d: 4, e: 5, port: 1 };
  checkNames("connect", "options", options, known);
  Object.assign(options, { prot: 1 });
  assertThrows(
    () => checkNames("connect", "options", options, known),
    TypeError,
    '"prot", did you mean port?',
  );
  checkNames("connect", "options", Object.create({ other: 1 }), known);
  assertThrows(
    () => checkNames("listen", "options", { port: 1 }, new Set(["path"])),
    TypeError,
  );
});

Deno.test("readOptions() reads each name once, wherever it comes from", () => {
  let asked = 0;
  class Options {
    a = 1;
    get b() {
      return ++asked;
    }
    other() {}
  }
  const options = Object.assign(Object.create(new Options()), { c: 3, d: 4 });
  const names = new Set(["a", "b", "c", "undefined"]);
  const read = readOptions(options, names);
  assertEquals(read, { a: 1, b: 1, c: 3 });
  assertEquals([read.b, asked], [1, 1]);
});

Deno.test("an array whose memory was shrunk away has no bytes to give", () => {
  const buffer = new ArrayBuffer(8, { maxByteLength: 16 });
  const bytes = new Uint8Array(buffer, 4, 4);
  const empty = new Uint8Array(buffer, 0, 0);
  buffer.resize(2);
  assertThrows(
    () => checkBytes("write", "data", bytes),
    TypeError,
    "Cannot write: data must be a Uint8Array with its memory, got one that was transferred or shrunk",
  );
  checkBytes("write", "data", empty);
});
