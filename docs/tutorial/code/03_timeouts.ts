import {
  connect,
  Deadline,
  framed,
  lines,
  serve,
  sleep,
  TimeoutError,
} from "@sluice/net";

// Answers every question, but takes its time.
await using server = serve({ port: 0 }, async (socket) => {
  const connection = framed(socket, lines());
  for await (const question of connection) {
    await sleep(question === "a hard one" ? 300 : 0);
    await connection.send(`answer to ${question}`);
  }
});

// To connect: the name, the connection and a TLS handshake have this long together.
await using socket = await connect({
  port: server.addr.port,
  timeoutMs: 3_000,
});
const connection = framed(socket, lines());

// For one answer.
await connection.send("a hard one");
try {
  await connection.receive({ timeoutMs: 100 });
} catch (error) {
  if (!(error instanceof TimeoutError)) throw error;
  console.log(error.message);
}
// The read that was cut off has taken nothing: the next one gets the answer.
console.log(await connection.receive({ timeoutMs: 10_000 }));

// For a whole conversation, however many reads and writes it has.
using deadline = Deadline.after(10_000);
for (const question of ["one", "two"]) {
  await connection.send(question, { deadline });
  console.log(await connection.receive({ deadline }));
}
