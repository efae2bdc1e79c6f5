import type { Addr } from "../addr.ts";
import type { BindOptions, DialOptions } from "./options.ts";

/** The address that options ask for, for errors before there is a real one. */
export function addressOf(options: DialOptions | BindOptions): Addr {
  if ("dialer" in options) return options.dialer.addr;
  if ("acceptor" in options) return options.acceptor.addr;
  if ("path" in options) return { transport: "unix", path: options.path };
  const { hostname = "127.0.0.1", port } = options;
  return { transport: "tcp", hostname, port };
}
