import { assertEquals } from "@std/assert";
import type {
  AcceptorOptions,
  BindOptions,
  ConnectOptions,
  DialOptions,
  MemoryAddr,
  NewCertificate,
  ServeOptions,
} from "@sluice/net";
import { bind } from "../../lib/transport/bind.ts";
import {
  BIND_OPTION_NAMES,
  DIAL_OPTION_NAMES,
} from "../../lib/transport/option_names.ts";
import type { Acceptor } from "../../lib/transport/options.ts";

// Most of what is tested here is tested by the compiler.

const tls = { cert: "", key: "" };

Deno.test("options that cannot hold together are type errors", () => {
  const dial: unknown[] = [
    { port: 1, tls: true } satisfies DialOptions,
    { path: "/a", tls: { serverName: "a" } } satisfies DialOptions,
    { path: undefined, port: 1 } satisfies DialOptions,
    // @ts-expect-error: a path is no host
    { path: "/a", hostname: "a" } satisfies DialOptions,
    // @ts-expect-error: a Unix socket has no port
    { path: "/a", port: 1 } satisfies ConnectOptions,
    // @ts-expect-error: a Unix socket knows no Nagle
    { path: "/a", noDelay: true } satisfies ConnectOptions,
    // @ts-expect-error: neither a host nor a path
    { hostname: "a" } satisfies ConnectOptions,
  ];
  const listen: unknown[] = [
    { port: 1, tls } satisfies BindOptions,
    { path: "/a", tls, mode: 0o600 } satisfies BindOptions,
    // @ts-expect-error: a port has no mode
    { port: 1, mode: 0o600 } satisfies BindOptions,
    // @ts-expect-error: a port or a path
    { port: 1, path: "/a" } satisfies ServeOptions,
    // @ts-expect-error: a server has a certificate
    { port: 1, tls: true } satisfies ServeOptions,
    { listenFd: 3, tls, noDelay: false } satisfies BindOptions,
    { listenFd: "web" } satisfies ServeOptions,
    { port: 1, reusePort: true } satisfies ServeOptions,
    // @ts-expect-error: a descriptor has its address
    { listenFd: 3, port: 1 } satisfies ServeOptions,
    // @ts-expect-error: a descriptor has its backlog
    { listenFd: 3, backlog: 1 } satisfies ServeOptions,
    // @ts-expect-error: a Unix socket has no port to share
    { path: "/a", reusePort: true } satisfies ServeOptions,
  ];
  assertEquals([dial.length, listen.length], [7, 11]);
});

Deno.test("lists in options may be read-only", () => {
  const names = ["h2", "http/1.1"] as const;
  const options: unknown[] = [
    {
      port: 1,
      tls: { caCerts: names, alpnProtocols: names },
    } satisfies ConnectOptions,
    {
      port: 1,
      tls: { ...tls, clientCaCerts: names, alpnProtocols: names },
    } satisfies ServeOptions,
    { ...tls, clientCaCerts: names } satisfies NewCertificate,
  ];
  assertEquals(options.length, 3);
});

Deno.test("bind() gives the kind of address that it was asked for", () => {
  const below: Acceptor<MemoryAddr> = {
    addr: { transport: "memory", name: "here" },
    accept: () => Promise.reject(new Error("No client comes")),
    close() {},
  };
  const name: string = bind({ acceptor: below }).addr.name;
  const tcp = bind({ port: 0 });
  const port: number = tcp.addr.port;
  tcp.close();
  const options: AcceptorOptions = { acceptor: below };
  const any: BindOptions = options;
  assertEquals([name, port > 0, bind(any).addr.transport], [
    "here",
    true,
    "memory",
  ]);
});

Deno.test("every option of connecting and of listening has its name", () => {
  assertEquals([...DIAL_OPTION_NAMES].sort(), [
    "dialer",
    "hostDelayMs",
    "hostname",
    "hosts",
    "keepAlive",
    "noDelay",
    "order",
    "path",
    "port",
    "proxyProtocol",
    "tls",
    "transport",
  ]);
  assertEquals([...BIND_OPTION_NAMES].sort(), [
    "acceptor",
    "backlog",
    "hostname",
    "keepAlive",
    "listenFd",
    "mode",
    "noDelay",
    "path",
    "port",
    "reusePort",
    "tls",
    "transport",
  ]);
});
