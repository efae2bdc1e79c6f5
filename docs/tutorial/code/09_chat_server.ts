import { framed, lines, serve } from "@sluice/net";

/** Members by name, and how each is shown a line. */
const members = new Map<string, (line: string) => void>();

function tellOthers(from: string, line: string): void {
  for (const [name, show] of members) if (name !== from) show(line);
}

const server = serve({
  port: 8888,
  maxConnections: 200,
  maxPendingBytes: 64 * 1024, // For each member; one that is slower is cut.
  drainOnSignals: true,
}, async (socket) => {
  const connection = framed(socket, lines({ maxLineBytes: 1_000 }));
  await connection.send("what is your name?");
  const name = await connection.receive({ timeoutMs: 60_000 });
  if (name === null) return;
  if (!/^\w{1,20}$/.test(name) || members.has(name)) {
    await connection.send("this name is taken, or is none");
    return;
  }

  // Does not wait: a slow member slows no other.
  members.set(name, (line) => {
    connection.send(line).catch(() => socket.abort());
  });
  console.log(`${name} came, ${members.size} here`);
  tellOthers(name, `* ${name} came`);
  try {
    for await (const line of connection) tellOthers(name, `${name}: ${line}`);
  } finally {
    members.delete(name);
    tellOthers(name, `* ${name} left`);
    console.log(`${name} left, ${members.size} here`);
  }
});
console.log("chat on port", server.addr.port);
