/**
 * One of several workers of a chat: see `--workers` of `server.ts`.
 *
 * @module
 */

import { workersEngine } from "@sluice/net/hub";
import { worker } from "@sluice/net/workers";
import { type ChatSettings, startChat } from "./service.ts";

export default worker(({ acceptor, channel }) => {
  const settings: ChatSettings = JSON.parse(Deno.args.at(-1) ?? "");
  // Over NATS the workers of all machines hear each other, those of one included.
  const engine = settings.nats ? undefined : workersEngine(channel);
  return startChat({ acceptor }, settings, { engine });
});
