// Players say where they are, and the server believes them.
import { connect, framed, serve } from "@sluice/net";
import { json } from "@sluice/net/codec";

interface Position {
  name: string;
  x: number;
}

const positions = new Map<string, number>();
await using server = serve({ port: 0 }, async (socket) => {
  for await (const packet of framed(socket, json())) {
    const { name, x } = packet as Position;
    positions.set(name, x);
  }
  console.log([...positions]);
});

await using socket = await connect({ port: server.addr.port });
const connection = framed(socket, json());
await connection.send({ name: "ann", x: 5 });
await connection.send({ name: "eve", x: 1_000_000 });
await connection.send({ name: "ann", x: -1_000_000 });
