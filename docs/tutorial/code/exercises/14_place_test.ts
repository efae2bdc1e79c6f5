import { deepStrictEqual } from "node:assert/strict";
import { placeFor } from "./14_place.ts";

const options = { name: "helper", uid: 1000, port: 8899 };

Deno.test("placeFor() is a Unix socket where there are some", () => {
  deepStrictEqual(placeFor({ os: "linux", ...options }), {
    path: "/run/user/1000/helper.sock",
  });
  deepStrictEqual(placeFor({ os: "darwin", ...options }), {
    path: "/tmp/helper-1000.sock",
  });
});

Deno.test("placeFor() is a port of this machine elsewhere", () => {
  for (const os of ["windows", "freebsd"] as const) {
    deepStrictEqual(placeFor({ os, ...options }), {
      hostname: "127.0.0.1",
      port: 8899,
    });
  }
});
