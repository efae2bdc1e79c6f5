/**
 * The server of `replacement_test.ts`: echoes lines, on the descriptor that is called "echo"
 * or on the port of its argument, until SIGTERM.
 *
 * @module
 */

import { framed } from "../../lib/framed/framed.ts";
import { lines } from "../../lib/codec/lines.ts";
import { serve } from "../../lib/server/serve.ts";

const [port] = Deno.args;
const where = port === undefined
  ? { listenFd: "echo" }
  : { port: Number(port), reusePort: true };
serve({ ...where, drainOnSignals: true }, async (socket) => {
  const connection = framed(socket, lines());
  for await (const line of connection) await connection.send(line);
});
console.log("up");
