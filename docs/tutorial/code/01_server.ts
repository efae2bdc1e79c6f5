import { formatAddress, listen } from "@sluice/net";

// Steps 1 to 3: create, bind, listen.
const listener = listen({ port: 8888 });
const address = formatAddress(listener.addr);
console.log("listening on", address);

// Step 4: accept, a new socket for each client.
for await (const socket of listener) {
  console.log("a client has connected");

  // Step 6: exchange.
  const line = await socket.readLine();
  console.log("received:", line);
  await socket.write(`you said ${line}\n`);

  // Step 7: close.
  await socket.close();
  console.log("closed");
}
