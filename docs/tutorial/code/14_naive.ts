// Splits what telnet, a browser, or a program on Windows may send.
import { framed, lines } from "@sluice/net";
import { memoryPair } from "@sluice/net/testing";

const sent = "hello\r\nquit\r\n";

const naive = sent.split("\n");
console.log("split:", naive);
console.log("is it quit?", naive[1] === "quit");

const [client, server] = memoryPair();
await client.write(sent);
await client.closeWrite();
const received = await Array.fromAsync(framed(server, lines()));
console.log("lines():", received);
console.log("is it quit?", received[1] === "quit");
