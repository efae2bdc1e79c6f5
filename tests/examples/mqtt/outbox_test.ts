import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { LimitError } from "@sluice/net";
import { Outbox } from "../../../examples/mqtt/outbox.ts";
import { PacketIds } from "../../../examples/mqtt/packet_ids.ts";
import type { PublishPacket, Qos } from "../../../examples/mqtt/packet.ts";

/** A connection that keeps what it was given, and acknowledges when it is told to. */
class Wire {
  readonly sent: string[] = [];
  readonly #open = new Map<string, PromiseWithResolvers<void>>();

  readonly transmit = ({ topic, id, dup }: PublishPacket): Promise<void> => {
    this.sent.push(`${topic} ${id}${dup ? " dup" : ""}`);
    const done = Promise.withResolvers<void>();
    this.#open.set(topic, done);
    return done.promise;
  };

  async acknowledge(...topics: string[]): Promise<void> {
    for (const topic of topics) this.#open.get(topic)!.resolve();
    await settled();
  }

  async fail(...topics: string[]): Promise<void> {
    const error = new Error("lost");
    for (const topic of topics) this.#open.get(topic)!.reject(error);
    await settled();
  }
}

/** Lets all promises that can settle do so. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve));
}

function message(topic: string, qos: Qos = 1) {
  return { topic, payload: new Uint8Array(), qos, retain: false };
}

function outbox(maxInFlight = 2, maxPending = 10): Outbox {
  return new Outbox(new PacketIds(), { maxInFlight, maxPending });
}

Deno.test("an outbox sends in order, and no more than maxInFlight at once", async () => {
  const box = outbox();
  const wire = new Wire();
  for (const topic of ["a", "b", "c", "d"]) box.add(message(topic));
  assertEquals([box.pending, box.inFlight], [4, 0]);
  box.open(wire.transmit);
  assertEquals(wire.sent, ["a 1", "b 2"]);
  await wire.acknowledge("b");
  assertEquals(wire.sent, ["a 1", "b 2", "c 3"]);
  await wire.acknowledge("a", "c");
  assertEquals(wire.sent, ["a 1", "b 2", "c 3", "d 4"]);
  const idle = Promise.all([box.idle(), box.idle()]);
  await wire.acknowledge("d");
  await idle;
  assertEquals([box.pending, box.inFlight], [0, 0]);
});

Deno.test("an outbox sends again what was in flight, first and under its id", async () => {
  const box = outbox();
  const first = new Wire();
  box.open(first.transmit);
  const all = ["a", "b", "c"].map((topic) => box.add(message(topic)));
  await first.acknowledge("a");
  assertEquals(first.sent, ["a 1", "b 2", "c 3"]);
  const late = box.add(message("d"));
  await first.fail("b", "c");
  box.close();
  const second = new Wire();
  box.open(second.transmit);
  assertEquals(second.sent, ["b 2 dup", "c 3 dup"]);
  await second.acknowledge("b", "c");
  assertEquals(second.sent, ["b 2 dup", "c 3 dup", "d 4"]);
  await second.acknowledge("d");
  await Promise.all([...all, late].map(({ delivered }) => delivered));
});

Deno.test("an outbox counts an acknowledgement that comes with the end of its connection", async () => {
  const box = outbox();
  const first = new Wire();
  box.open(first.transmit);
  const { delivered } = box.add(message("a"));
  const acknowledged = first.acknowledge("a");
  box.close();
  await acknowledged;
  await delivered;
  const second = new Wire();
  box.open(second.transmit);
  assertEquals(second.sent, []);
  assertEquals(box.pending, 0);
});

Deno.test("an outbox fails a message with QoS 0 that its connection was lost with", async () => {
  const box = outbox();
  const wire = new Wire();
  box.open(wire.transmit);
  const { delivered } = box.add(message("a", 0));
  assertEquals(wire.sent, ["a 0"]);
  box.close();
  await wire.fail("a");
  await assertRejects(() => delivered, Error, "lost");
  assertEquals(box.pending, 0);
});

Deno.test("an outbox takes back only what was never sent", async () => {
  const box = outbox(1);
  const a = box.add(message("a"));
  const b = box.add(message("b"));
  const wire = new Wire();
  box.open(wire.transmit);
  box.withdraw(a);
  box.withdraw(b);
  assertEquals([box.pending, box.inFlight], [1, 1]);
  await wire.fail("a");
  box.close();
  box.withdraw(a);
  assertEquals(box.pending, 1);
  const second = new Wire();
  box.open(second.transmit);
  await second.acknowledge("a");
  assertEquals(second.sent, ["a 1 dup"]);
  await a.delivered;
});

Deno.test("an outbox is bounded", () => {
  const box = outbox(1, 2);
  box.add(message("a"));
  box.add(message("b", 0));
  const error = assertThrows(() => box.add(message("c")), LimitError);
  assertEquals([error.option, error.limit], ["maxPending", 2]);
});

Deno.test("an outbox that fails rejects everything once", async () => {
  const box = outbox(1);
  const wire = new Wire();
  box.open(wire.transmit);
  const all = ["a", "b"].map((topic) => box.add(message(topic)));
  box.fail(new Error("over"));
  await wire.acknowledge("a");
  for (const { delivered } of all) {
    await assertRejects(() => delivered, Error, "over");
  }
  assertEquals(box.pending, 0);
});

Deno.test("packet ids are not used again while they are in use", () => {
  const ids = new PacketIds();
  for (let id = 1; id <= 65_535; id++) assertEquals(ids.take(), id);
  assertThrows(() => ids.take(), LimitError, "65535 ids");
  ids.release(7);
  assertEquals(ids.take(), 7);
  ids.release(65_535);
  ids.release(1);
  assertEquals(ids.take(), 65_535);
  assertEquals(ids.take(), 1);
});
