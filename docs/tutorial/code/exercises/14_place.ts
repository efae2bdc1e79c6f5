/** Where a server of this machine listens: options for `serve` and `connect`. */
export type Place = { path: string } | { hostname: string; port: number };

/**
 * Where a helper program should listen that serves only this machine: on the Unix socket
 * `/run/user/UID/NAME.sock` on Linux, `/tmp/NAME-UID.sock` on macOS, and on
 * 127.0.0.1 and the port that is given on all others, as Deno has no Unix sockets on Windows.
 */
export function placeFor(
  { os, name, uid, port }: {
    os: typeof Deno.build.os;
    name: string;
    uid: number;
    port: number;
  },
): Place {
  // Your turn.
  return os === "linux" ? { path: name } : { hostname: `${uid}`, port };
}
