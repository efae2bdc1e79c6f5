// The accept loop of a naive server, and a client that resets its connection at once,
// as port scanners do.
import { once } from "node:events";
import { connect } from "node:net";

const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });

const scanner = connect(listener.addr.port, "127.0.0.1");
await once(scanner, "connect");
scanner.resetAndDestroy();
await once(scanner, "close");

console.log("waiting for clients");
for await (const conn of listener) conn.close();
