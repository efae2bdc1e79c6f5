import { assertEquals, assertThrows } from "@std/assert";
import { runInNewContext } from "node:vm";
import { setFlagsFromString } from "node:v8";
import {
  bytes,
  MalformedFrameError,
  struct,
  u8,
  utf8,
} from "../../lib/codec/mod.ts";

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

Deno.test("a struct does not keep the last frame alive", async () => {
  const packet = struct({ size: u8, name: utf8("size"), data: bytes() });
  let collected = 0;
  const registry = new FinalizationRegistry(() => collected++);
  (() => {
    const frame = new Uint8Array(2 * 1024 * 1024);
    registry.register(frame.buffer, undefined);
    packet.decode(frame);
    const broken = new Uint8Array(2 * 1024 * 1024).fill(255);
    registry.register(broken.buffer, undefined);
    assertThrows(() => packet.decode(broken), MalformedFrameError);
  })();
  for (let i = 0; i < 50 && collected < 2; i++) {
    await new Promise((resolve) => setTimeout(resolve));
    collectGarbage();
  }
  assertEquals(collected, 2);
});
