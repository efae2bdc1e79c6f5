// Does what its first argument says, with the permissions of this process, and
// prints how that went: "ok", the code of our error, or what was thrown.
import { viaProxy } from "../../lib/client/via_proxy.ts";
import { SocketError } from "../../lib/errors.ts";
import {
  ensurePermissions,
  permissionsFor,
  type PlannedAction,
} from "../../lib/permissions/mod.ts";
import { dialHosts } from "../../lib/socket/hosts.ts";
import { bind } from "../../lib/transport/bind.ts";
import { dial } from "../../lib/transport/dial.ts";

const [action, json] = Deno.args;
const options = JSON.parse(json);

async function run(): Promise<string> {
  switch (action) {
    case "listen": {
      const acceptor = bind(options);
      await acceptor.ready;
      acceptor.close();
      return "ok";
    }
    case "connect":
      (await (options.hosts ? dialHosts(options, {}) : dial(options))).close();
      return "ok";
    case "proxy":
      (await dial({ ...options.target, dialer: viaProxy(options.proxy) }))
        .close();
      return "ok";
    case "plan":
      return JSON.stringify(permissionsFor(options).flags);
    case "ensure": {
      const plans = options as [
        PlannedAction | null,
        { port: number },
        string[]?,
      ][];
      await ensurePermissions(
        ...plans.map(([action, each, unstable = []]) => ({
          ...permissionsFor(each, { action: action ?? undefined }),
          unstable,
        })),
      );
      return "ok";
    }
    default:
      return `no such action: ${action}`;
  }
}

try {
  console.log(await run());
} catch (error) {
  const { name, message } = error as Error;
  if (action === "ensure") console.log(`${name}: ${message}`);
  else console.log(error instanceof SocketError ? error.code : name);
}
