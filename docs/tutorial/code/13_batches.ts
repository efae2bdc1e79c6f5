import { connect, framed, lines, serve } from "@sluice/net";

await using server = serve({ port: 0 }, async (socket) => {
  const connection = framed(socket, lines());
  // All lines of one read together, and all answers in one write.
  for await (const batch of connection.batches()) {
    await connection.sendAll(batch);
  }
});

await using socket = await connect({ port: server.addr.port });
const connection = framed(socket, lines());
const COUNT = 2_000;

/** One question, one answer, the next question. */
async function oneAtATime(): Promise<void> {
  for (let i = 0; i < COUNT; i++) {
    await connection.send("ping");
    await connection.receive();
  }
}

/** Questions and answers side by side. */
async function manyUnderWay(): Promise<void> {
  const questions = Array.from({ length: COUNT }, () => "ping");
  const receive = async () => {
    for (let i = 0; i < COUNT; i++) await connection.receive();
  };
  await Promise.all([connection.sendAll(questions), receive()]);
}

/** The middle one of several runs, after one that does not count. */
async function measure(task: () => Promise<void>): Promise<number> {
  await task();
  const times: number[] = [];
  for (let run = 0; run < 5; run++) {
    const started = performance.now();
    await task();
    times.push(performance.now() - started);
  }
  return times.sort((a, b) => a - b)[2];
}

const slowMs = await measure(oneAtATime);
const fastMs = await measure(manyUnderWay);
const rate = (ms: number) => Math.round(COUNT / ms) * 1_000;
console.log(`one at a time: ${rate(slowMs)} answers a second`);
console.log(`many under way: ${rate(fastMs)} answers a second`);
console.log(`${Math.round(slowMs / fastMs)} times as many`);
