import { connect } from "@sluice/net";

// Steps 1 and 5: create, connect.
const socket = await connect({ port: 8888 });

// Step 6: exchange.
await socket.write("hello\n");
console.log(await socket.readLine());

// Step 7: close.
await socket.close();
