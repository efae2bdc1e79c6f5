// A member of a multicast group, in a process of its own: one that answers, or one that
// looks for those that do.
import { datagram } from "../../lib/datagram/mod.ts";

const GROUP = "239.1.2.3";
const PORT = 5_670;

const [role, backend, name] = Deno.args as [
  string,
  "node" | "deno",
  string | undefined,
];
const text = new TextDecoder();

if (role === "answer") {
  await using socket = await datagram({
    hostname: "0.0.0.0",
    port: PORT,
    reuseAddress: true,
    backend,
  });
  await socket.joinMulticast(GROUP, { interface: "127.0.0.1" });
  console.log("ready");
  for await (const { data, from } of socket) {
    const word = text.decode(data);
    if (word === "who?") await socket.send(`i am ${name}`, from);
    if (word === "leave") break;
  }
  await socket.leaveMulticast(GROUP, { interface: "127.0.0.1" });
  console.log("left");
} else {
  await using socket = await datagram({
    hostname: "127.0.0.1",
    port: 0,
    backend,
  });
  const names = new Set<string>();
  while (names.size < Number(name)) {
    await socket.send("who?", { hostname: GROUP, port: PORT });
    const answer = await socket.receive({ timeoutMs: 200 }).catch(() => null);
    if (answer !== null) names.add(text.decode(answer.data));
  }
  console.log([...names].sort().join(", "));
  await socket.send("leave", { hostname: GROUP, port: PORT });
}
