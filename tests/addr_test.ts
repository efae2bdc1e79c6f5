import { assertEquals, assertThrows } from "@std/assert";
import { formatAddress, parseAddress } from "../lib/addr.ts";
import { seededRandom } from "./time/_fake_time.ts";

Deno.test("parseAddress() reads every form that people write", () => {
  const forms: [string, unknown][] = [
    ["127.0.0.1:8888", { hostname: "127.0.0.1", port: 8888 }],
    ["0.0.0.0:0", { hostname: "0.0.0.0", port: 0 }],
    ["localhost:80", { hostname: "localhost", port: 80 }],
    ["tcp://localhost:80", { hostname: "localhost", port: 80 }],
    ["a-b.example.com.:65535", { hostname: "a-b.example.com.", port: 65535 }],
    ["my_service:80", { hostname: "my_service", port: 80 }],
    ["4chan.org:80", { hostname: "4chan.org", port: 80 }],
    ["[::1]:80", { hostname: "::1", port: 80 }],
    ["tcp://[::]:80", { hostname: "::", port: 80 }],
    ["[fe80::1%eth0]:80", { hostname: "fe80::1%eth0", port: 80 }],
    ["[::ffff:1.2.3.4]:80", { hostname: "::ffff:1.2.3.4", port: 80 }],
    ["tls://host:443", { hostname: "host", port: 443, tls: true }],
    ["tls://[::1]:443", { hostname: "::1", port: 443, tls: true }],
    ["unix:/run/x.sock", { path: "/run/x.sock" }],
    ["unix:///run/x.sock", { path: "/run/x.sock" }],
    ["unix:x.sock", { path: "x.sock" }],
    ["unix:./a b:c.sock", { path: "./a b:c.sock" }],
    ["unix:C:\\run\\x.sock", { path: "C:\\run\\x.sock" }],
    ["unix:@x", { path: "@x" }],
    ["unix-abstract:x/y", { path: "\0x/y" }],
  ];
  for (const [text, expected] of forms) {
    assertEquals(parseAddress(text) as unknown, expected, text);
  }
});

Deno.test("parseAddress() refuses what is not an address, and says why", () => {
  const long = "x".repeat(64);
  const forms: [string, string][] = [
    ["", "its host must be a name or an IP"],
    [":80", "its host must be a name or an IP"],
    ["*:80", "its host must be a name or an IP"],
    ["tcp://:80", "its host must be a name or an IP"],
    ["a..b:80", "its host must be a name or an IP"],
    [".:80", "its host must be a name or an IP"],
    ["a b:80", "its host must be a name or an IP"],
    [" localhost:80", "its host must be a name or an IP"],
    ["user@host:80", "its host must be a name or an IP"],
    ["hôte:80", "its host must be a name or an IP"],
    [`${long}.example.com:80`, "its host must be a name or an IP"],
    [`${long}:80`, "its host must be a name or an IP"],
    [`${"x.".repeat(127)}:80`, "its host must be a name or an IP"],
    ["127.1:80", "its host must be a name or an IP"],
    ["256.0.0.1:80", "its host must be a name or an IP"],
    ["010.0.0.1:80", "its host must be a name or an IP"],
    ["2130706433:80", "its host must be a name or an IP"],
    ["0x7f.0x1:80", "its host must be a name or an IP"],
    ["1.2.3.4.:80", "its host must be a name or an IP"],
    ["fe80::1%eth0:80", "its host must be in brackets"],
    ["::1:80", "its host must be in brackets"],
    ["::", "its host must be in brackets"],
    ["host:80:90", "its host must be in brackets"],
    ["[::1", "what is in brackets must be an IPv6 address"],
    ["[]:80", "what is in brackets must be an IPv6 address"],
    ["[127.0.0.1]:80", "what is in brackets must be an IPv6 address"],
    ["[localhost]:80", "what is in brackets must be an IPv6 address"],
    ["[::1::]:80", "what is in brackets must be an IPv6 address"],
    ["[fe80::1%]:80", "what is in brackets must be an IPv6 address"],
    ["[[::1]]:80", "what is in brackets must be an IPv6 address"],
    ["localhost", "its host must be followed by a colon and a port"],
    ["localhost:", "its host must be followed by a colon and a port"],
    ["localhost:80x", "its host must be followed by a colon and a port"],
    ["localhost:0x50", "its host must be followed by a colon and a port"],
    ["localhost:8e1", "its host must be followed by a colon and a port"],
    ["localhost:80.0", "its host must be followed by a colon and a port"],
    ["localhost:+80", "its host must be followed by a colon and a port"],
    ["localhost: 80", "its host must be followed by a colon and a port"],
    ["localhost:80 ", "its host must be followed by a colon and a port"],
    ["localhost:٨٠", "its host must be followed by a colon and a port"],
    ["localhost:80/", "its host must be followed by a colon and a port"],
    ["[::1]80", "its host must be followed by a colon and a port"],
    ["[::1]", "its host must be followed by a colon and a port"],
    ["http://localhost:80", "its scheme must be tcp://, tls:// or unix:"],
    ["TLS://localhost:80", "its scheme must be tcp://, tls:// or unix:"],
    ["://localhost:80", "its scheme must be tcp://, tls:// or unix:"],
    ["unix:", "its path must not be empty"],
    ["unix://", "its path must not be empty"],
    ["unix-abstract:", "its path must not be empty"],
    ["local\nhost:80", "it must have no control characters"],
    ["localhost:80\0", "it must have no control characters"],
    ["unix:/run/\0x", "it must have no control characters"],
  ];
  for (const [text, why] of forms) {
    assertThrows(
      () => parseAddress(text),
      TypeError,
      `Cannot parse the address: ${why}`,
      text,
    );
  }
  for (const value of [undefined, null, 80, {}, ["a:1"]]) {
    assertThrows(
      () => parseAddress(value as never),
      TypeError,
      "Cannot parse the address: it must be a string",
    );
  }
});

Deno.test("parseAddress() refuses a port out of range, however long", () => {
  for (const port of ["65536", "-1", "99999999999999999999", "9".repeat(400)]) {
    for (const host of ["localhost", "[::1]", "tls://localhost"]) {
      assertThrows(
        () => parseAddress(`${host}:${port}`),
        RangeError,
        "Cannot parse the address: its port must be from 0 to 65535",
      );
    }
  }
});

Deno.test("parseAddress() takes linear time on long nonsense", () => {
  const start = performance.now();
  for (
    const text of [
      "a.".repeat(1e6),
      "[".repeat(1e6),
      ":".repeat(1e6),
      "1".repeat(1e6),
    ]
  ) {
    assertThrows(() => parseAddress(text));
    assertThrows(() => parseAddress(`[${text}]:80`));
    assertThrows(() => parseAddress(`${text}:80`));
    assertThrows(() => parseAddress(`localhost:${text}`));
  }
  assertEquals(performance.now() - start < 5_000, true);
});

Deno.test("formatAddress() says every kind of address", () => {
  const forms: [Parameters<typeof formatAddress>[0], string][] = [
    [{ transport: "tcp", hostname: "127.0.0.1", port: 80 }, "127.0.0.1:80"],
    [{ transport: "udp", hostname: "::1", port: 80 }, "[::1]:80"],
    [{ transport: "unix", path: "/run/x.sock" }, "unix:/run/x.sock"],
    [{ transport: "unixpacket", path: "x.sock" }, "unix:x.sock"],
    [{ transport: "vsock", cid: 2, port: 80 }, "vsock:2:80"],
    [{ transport: "memory", name: "left" }, "memory:left"],
    [{ transport: "stream", name: "websocket" }, "stream:websocket"],
    [{ port: 80 }, "127.0.0.1:80"],
    [{ path: undefined, port: 80 }, "127.0.0.1:80"],
    // As `URL.hostname` gives it.
    [{ hostname: "[::1]", port: 80 }, "[::1]:80"],
    [{ path: "\0x" }, "unix-abstract:x"],
    [{ hostname: "host", port: 443, tls: true }, "tls://host:443"],
    [{ hostname: "host", port: 443, tls: { caCerts: [] } }, "tls://host:443"],
    [{ hostname: "host", port: 80, tls: false }, "host:80"],
    [{ hostname: "host", port: 80, tls: undefined }, "host:80"],
  ];
  for (const [address, text] of forms) {
    assertEquals(formatAddress(address), text);
  }
});

Deno.test("formatAddress() and parseAddress() are inverse to each other", () => {
  const random = seededRandom(3);
  const int = (below: number) => Math.floor(random() * below);
  const pick = <T>(list: readonly T[]) => list[int(list.length)];
  const characters = [..."abcxyz0189-_"];
  const word = () =>
    "n" + Array.from({ length: int(8) }, () => pick(characters)).join("");
  const hosts = [
    () => Array.from({ length: 4 }, () => int(256)).join("."),
    () => Array.from({ length: 8 }, () => int(65_536).toString(16)).join(":"),
    () => `fe80::${int(65_536).toString(16)}%${word()}`,
    () => Array.from({ length: 1 + int(4) }, word).join("."),
  ];
  const piece = () => pick([..."/:.%[]@ é😀\\#?"].concat(word()));
  for (let i = 0; i < 3_000; i++) {
    const hostname = pick(hosts)();
    const port = int(65_536);
    const path = Array.from({ length: 1 + int(9) }, piece).join("");
    for (
      const address of [
        { hostname, port },
        { hostname, port, tls: true as const },
        { path },
        { path: `//${path}` },
        { path: `\0${path}` },
      ]
    ) {
      const text = formatAddress(address);
      assertEquals(parseAddress(text) as unknown, address, text);
      assertEquals(formatAddress(parseAddress(text)), text);
    }
  }
});

Deno.test("parseAddress() tells the compiler the shape of what it knows", () => {
  // These lines would not compile otherwise.
  const tcp: { hostname: string; port: number } = parseAddress("a:1");
  const tls: true = parseAddress("tls://a:1").tls;
  const path: string = parseAddress("unix:a").path;
  const any = parseAddress("a:1" as string);
  const isPath: boolean = "path" in any ? any.path === path : any.port === 1;
  assertEquals([tcp.port, tls, path, isPath], [1, true, "a", true]);
});
