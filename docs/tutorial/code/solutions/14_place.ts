/** Where a server of this machine listens: options for `serve` and `connect`. */
export type Place = { path: string } | { hostname: string; port: number };

/** Where a helper program should listen that serves only this machine. */
export function placeFor(
  { os, name, uid, port }: {
    os: typeof Deno.build.os;
    name: string;
    uid: number;
    port: number;
  },
): Place {
  switch (os) {
    case "linux":
      return { path: `/run/user/${uid}/${name}.sock` };
    case "darwin":
      return { path: `/tmp/${name}-${uid}.sock` };
    default:
      return { hostname: "127.0.0.1", port };
  }
}
