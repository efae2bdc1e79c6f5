import { assertEquals } from "@std/assert";
import { framed } from "../../lib/framed/framed.ts";
import { lengthPrefixed } from "../../lib/codec/length_prefixed.ts";
import { bytes, SEEDS, spiedPair, turn } from "../_support/sockets.ts";
import { seededRandom } from "../time/_fake_time.ts";

Deno.test("lent frames do not overwrite what the socket gave away before", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  await right.write("hello\n");
  const given = await left.readUntil("\n");
  const receiver = framed(left, lengthPrefixed(), { lendFrames: true });
  const sender = framed(right, lengthPrefixed());
  for (let i = 0; i < 50; i++) {
    await sender.send(bytes(40, i));
    assertEquals(await receiver.receive(), bytes(40, i));
  }
  assertEquals(new TextDecoder().decode(given), "hello\n");
});
Deno.test("lent frames are right however they are asked for, over 20 seeds", async () => {
  for (const seed of SEEDS) {
    using pair = spiedPair({ seed, highWaterMarkBytes: 20 + seed * 37 });
    const { left, right } = pair;
    const random = seededRandom(seed);
    const sent = Array.from(
      { length: 80 },
      (_, i) => bytes(Math.floor(random() * (i % 10 === 0 ? 3000 : 60)), i),
    );
    const sending = framed(right, lengthPrefixed()).sendAll(sent).then(() =>
      right.closeWrite()
    );
    const receiver = framed(left, lengthPrefixed(), { lendFrames: true });
    let n = 0;
    for (;;) {
      const r = random();
      if (r < 0.2) {
        const frame = receiver.tryReceive();
        if (frame) {
          await turn();
          assertEquals(frame, sent[n], `seed ${seed} try ${n}`);
          n++;
        }
      } else if (r < 0.4) {
        for await (const batch of receiver.batches()) {
          await turn();
          for (const f of batch) {
            assertEquals(f, sent[n], `seed ${seed} batch ${n++}`);
          }
          break;
        }
      } else {
        const c = new AbortController();
        const p = receiver.receive({ signal: c.signal });
        for (let i = Math.floor(random() * 15); i > 0; i--) await null;
        c.abort("cut");
        let frame;
        try {
          frame = await p;
        } catch (e) {
          assertEquals(e, "cut");
          continue;
        }
        if (frame === null) break;
        await turn();
        assertEquals(frame, sent[n], `seed ${seed} receive ${n}`);
        n++;
      }
    }
    assertEquals(n, 80);
    await sending;
  }
});
