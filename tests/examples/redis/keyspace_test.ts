import { assertEquals, assertThrows } from "@std/assert";
import { FullError, Keyspace } from "../../../examples/redis/keyspace.ts";

Deno.test("Keyspace refuses what does not fit, and takes what is smaller", () => {
  const keyspace = new Keyspace(1_000);
  keyspace.set("a", "x".repeat(500));
  assertThrows(() => keyspace.set("b", "x".repeat(500)), FullError);
  assertEquals(keyspace.get("b"), undefined);
  keyspace.set("a", "x".repeat(100));
  keyspace.set("b", "x".repeat(500));
  assertEquals(keyspace.size, 2);
});

Deno.test("Keyspace gives back the memory of what is removed", () => {
  const keyspace = new Keyspace(1_000);
  for (let i = 0; i < 100; i++) {
    keyspace.set(`key${i}`, "x".repeat(500));
    keyspace.delete(`key${i}`);
  }
  assertEquals(keyspace.bytes, 0);
  keyspace.set("a", "b", 1);
  assertEquals(keyspace.get("a"), undefined);
  assertEquals([keyspace.bytes, keyspace.size], [0, 0]);
});

Deno.test("Keyspace keeps the time of a key that gets a new value, unless told", () => {
  const keyspace = new Keyspace(1_000);
  const at = Date.now() + 60_000;
  keyspace.set("a", "1", at);
  keyspace.set("a", "2");
  assertEquals(keyspace.expiresAt("a"), at);
  keyspace.set("a", "3", Infinity);
  assertEquals(keyspace.expiresAt("a"), Infinity);
  assertEquals(keyspace.expire("b", at), false);
});

Deno.test("Keyspace sweeps away keys that no client asks for", () => {
  const keyspace = new Keyspace(1_000_000);
  for (let i = 0; i < 2_500; i++) keyspace.set(`old${i}`, "x", 1);
  keyspace.set("young", "x", Date.now() + 60_000);
  keyspace.set("immortal", "x");
  for (let i = 0; i < 5; i++) keyspace.sweep();
  assertEquals(keyspace.size, 2);
  assertEquals([keyspace.get("young"), keyspace.get("immortal")], ["x", "x"]);
});

Deno.test("Keyspace sweeps more where more keys have to go, and only so many at once", () => {
  const keyspace = new Keyspace(100_000_000);
  for (let i = 0; i < 30_000; i++) keyspace.set(`old${i}`, "x", 1);
  keyspace.sweep();
  assertEquals(keyspace.size, 20_000);
});
