import { formatAddress, listen } from "@sluice/net";

// Steps 1 to 3: create a socket, bind it to an address, listen.
const listener = listen({ hostname: "127.0.0.1", port: 8888 });
console.log("listening on", formatAddress(listener.addr));

// Step 4: accept. Each client gets a socket of its own.
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
