import { connect } from "@sluice/net";

// Steps 1 and 5: create a socket, connect it to the server's address.
const socket = await connect({ hostname: "127.0.0.1", port: 8888 });

// Step 6: exchange.
await socket.write("hello\n");
console.log(await socket.readLine());

// Step 7: close.
await socket.close();
