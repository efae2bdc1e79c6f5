// Does what its first argument says, with the permissions of this process, and prints how
// that went: what it has seen, or the flags that are missing.
import { PermissionError } from "../../lib/errors.ts";
import { connectDatagram, datagram } from "../../lib/datagram/mod.ts";

const [action, json = "{}"] = Deno.args;
const options = JSON.parse(json);

const ACTIONS: Record<string, () => Promise<string>> = {
  /** Sends a datagram to itself. */
  async send() {
    await using socket = await datagram({ port: 0, ...options });
    await socket.send("x", socket.localAddr);
    return `${(await socket.receive())!.data.length}`;
  },
  /** Sends a datagram to a path. */
  async unix() {
    await using socket = await datagram({ path: options.path });
    await socket.send("x", { path: options.to });
    return "sent";
  },
  /** Opens a peer by a name that has to be looked up. */
  async name() {
    await using peer = await connectDatagram({ hostname: "a.test", port: 9 });
    return peer.remoteAddr.hostname;
  },
  /** Holds the process while calls wait, and ends with all of it left open. */
  async life() {
    const socket = await datagram({ port: 0, ...options });
    const peer = await socket.peer({ port: socket.localAddr.port });
    const late = () => socket.send("late", socket.localAddr);
    const timer = setTimeout(late, 50);
    Deno.unrefTimer(timer);
    const keeper = socket.receive();
    const received = await keeper;
    await socket.receive({ timeoutMs: 5 }).catch(() => {});
    const accept = () => true;
    await peer.request("?", { accept, timeoutMs: 5 }).catch(() => {});
    // The question itself came in, too. What waits now does not hold the process.
    await socket.receive();
    socket.unref();
    socket.receive();
    return `${received!.data.length}`;
  },
};

try {
  console.log(await ACTIONS[action]());
} catch (error) {
  if (!(error instanceof PermissionError)) throw error;
  console.log([error.message, ...error.flags].join("\n"));
}
