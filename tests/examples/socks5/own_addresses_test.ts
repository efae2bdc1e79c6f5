import { assert } from "@std/assert";
import {
  isOwnAddress,
  isOwnConnection,
  isOwnHost,
} from "../../../examples/socks5/own_addresses.ts";

Deno.test("isOwnAddress() knows this machine however it is written", () => {
  for (
    const address of [
      ...["127.0.0.1", "127.255.0.9", "0.0.0.0", "0.1.2.3", "169.254.169.254"],
      ...["::1", "::", "0:0:0:0:0:0:0:1", "fe80::1", "fe80::1%eth0", "febf::1"],
      ...["::ffff:127.0.0.1", "::ffff:7f00:1", "::FFFF:127.0.0.2"],
      ...["::127.0.0.1", "64:ff9b::127.0.0.1", "::ffff:0:127.0.0.1"],
      ...["::ffff:0.0.0.0", "::ffff:169.254.169.254"],
    ]
  ) assert(isOwnAddress(address), address);
  for (
    const address of [
      ...["10.0.0.1", "128.0.0.1", "126.255.255.255", "169.253.0.1", "1.0.0.0"],
      ...["2001:db8::1", "::ffff:10.0.0.1", "fec0::1", "64:ff9b::10.0.0.1"],
      ...["example.com", "", "127.1", "localhost"],
    ]
  ) assert(!isOwnAddress(address), address);
});

Deno.test("isOwnHost() knows names of this machine", async () => {
  for (
    const name of [
      "localhost",
      "LOCALHOST.",
      "a.localhost",
      "[::1]".slice(1, -1),
    ]
  ) {
    assert(await isOwnHost(name), name);
  }
  assert(!await isOwnHost("10.0.0.1"));
});

Deno.test("isOwnConnection() sees where a connection really ends", () => {
  const addr = (hostname: string) => ({
    transport: "tcp" as const,
    hostname,
    port: 1,
  });
  const between = (local: string, remote: string) =>
    isOwnConnection({ localAddr: addr(local), remoteAddr: addr(remote) });
  assert(between("127.0.0.1", "127.0.0.5"));
  assert(between("192.0.2.2", "192.0.2.2"), "its own network card");
  assert(!between("192.0.2.2", "192.0.2.3"));
});
