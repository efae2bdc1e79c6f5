import { assert, assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import { retry } from "@sluice/net";
import { connectDatagram } from "@sluice/net/datagram";
import {
  decodeMessage,
  encodeMessage,
  IN,
  makeQuery,
} from "../../examples/dns/message.ts";
import { askServer } from "../../examples/dns/ask.ts";
import { freePort } from "../_support/free_port.ts";
import { findProgram, lacksPrograms } from "../_support/programs.ts";
import { start } from "../_support/run_program.ts";
import {
  Example,
  exampleCommand,
  runExample,
  startServer,
} from "./_example.ts";
import { runWithoutPermissions } from "./_without_permissions.ts";

const timeout = 60_000;
const ROOT = new URL("../../", import.meta.url);

/** 700 and 3,500 bytes of text: more than a plain datagram, and more than any. */
const ZONE = `$ORIGIN sluice.test.
$TTL 1h
@ SOA ns root 1 1d 2h 2w 5m
  NS ns
  MX 10 mail
ns A 127.0.0.1
mail A 192.0.2.25
www A 192.0.2.80
www AAAA 2001:db8::80
web CNAME www
_chat._tcp SRV 10 5 8888 www
middle TXT ${`"${"m".repeat(233)}" `.repeat(3)}
large TXT ${`"${"l".repeat(250)}" `.repeat(14)}
`;

interface Served extends AsyncDisposable {
  server: Example;
  address: string;
  port: number;
}

/** Starts `dns/server` with the zone above, in a folder of its own. */
async function startZone(...args: string[]): Promise<Served> {
  const folder = await Deno.realPath(await Deno.makeTempDir());
  await Deno.writeTextFile(`${folder}/zone.txt`, ZONE);
  const command = await exampleCommand("dns/server");
  const file = decodeURIComponent(new URL(command.pop()!, ROOT).pathname);
  const server = Example.spawn(Deno.execPath(), {
    args: [
      ...[...command, file, "--listen", "127.0.0.1:0", "--zone", "zone.txt"],
      ...args,
    ],
    cwd: folder,
  });
  const [, address, port] = await server.printed(/on (127\.0\.0\.1:(\d+))/);
  return {
    server,
    address,
    port: Number(port),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

async function dig(port: number, ...args: string[]): Promise<string> {
  await using running = start("dig", [
    ...["@127.0.0.1", "-p", `${port}`, "+tries=1", "+time=15"],
    ...args,
  ]);
  const { code, stdout, stderr } = await running.finish();
  assertEquals([code, stderr], [0, ""], stdout);
  return stdout;
}

Deno.test("dns/server answers dig, over UDP and TCP, within what fits", {
  timeout,
  ignore: lacksPrograms("dig"),
}, async () => {
  await using zone = await startZone();
  const ask = (...args: string[]) => dig(zone.port, ...args);

  for (const way of ["+notcp", "+tcp"]) {
    const www = await ask("www.sluice.test", "A", way);
    assertMatch(www, /status: NOERROR/);
    assertMatch(www, /flags: qr aa rd; QUERY: 1, ANSWER: 1,/);
    assertMatch(www, /^www\.sluice\.test\.\s+3600\s+IN\s+A\s+192\.0\.2\.80$/m);
    assertMatch(www, /EDNS: version: 0, flags:; udp: 1232/);
    assertMatch(www, way === "+tcp" ? /\(TCP\)/ : /\(UDP\)/);
  }
  const short = async (...args: string[]) =>
    (await ask("+short", ...args)).trimEnd().split("\n");
  assertEquals(await short("web.sluice.test", "AAAA"), [
    "www.sluice.test.",
    "2001:db8::80",
  ]);
  assertEquals(await short("sluice.test", "MX", "WWW.sluice.TEST", "A"), [
    "10 mail.sluice.test.",
    "192.0.2.80",
  ]);
  assertEquals(await short("_chat._tcp.sluice.test", "SRV"), [
    "10 5 8888 www.sluice.test.",
  ]);
  assertMatch((await short("sluice.test", "SOA"))[0], /^ns\.sluice\.test\. /);

  const missing = await ask("no.sluice.test", "A");
  assertMatch(missing, /status: NXDOMAIN/);
  assertMatch(missing, /^sluice\.test\.\s+300\s+IN\s+SOA/m);
  assertMatch(await ask("example.org", "A"), /status: REFUSED/);
  assertMatch(await ask("+notcp", "sluice.test", "ANY"), /status: NOTIMP/);
  assertMatch(await ask("www.sluice.test", "CH", "A"), /status: REFUSED/);
  assertMatch(
    await ask("+edns=1", "+noednsneg", "www.sluice.test"),
    /status: BADVERS/,
  );
  assertMatch(
    await ask("+dnssec", "www.sluice.test"),
    /EDNS: version: 0, flags: do;/,
  );
  assertMatch(await ask("www.sluice.test"), /EDNS: version: 0, flags:;/);
  const transfer = await ask("sluice.test", "AXFR");
  assertMatch(transfer, /Transfer failed/);
  assertNotMatch(transfer, /192\.0\.2/);
  await zone.server.printed(/AXFR over TCP: REFUSED/);

  // 700 bytes: too much without EDNS, and for those that say so.
  for (
    const [size, flags] of [
      ["+noedns", "qr aa tc rd"],
      ["+bufsize=512", "qr aa tc rd"],
      ["+bufsize=1232", "qr aa rd"],
    ]
  ) {
    const answer = await ask("middle.sluice.test", "TXT", "+ignore", size);
    assertMatch(answer, new RegExp(`flags: ${flags};`), size);
  }
  // 3,500 bytes do not go over UDP, whatever the client says; dig goes to TCP by itself.
  const large = ["large.sluice.test", "TXT", "+bufsize=4096"];
  const cut = await ask(...large, "+ignore");
  assertMatch(cut, /flags: qr aa tc rd; QUERY: 1, ANSWER: 0/);
  assertMatch(await ask(...large), /Truncated, retrying in TCP[^]*l{250}/);
  await zone.server.printed(
    /large\.sluice\.test\. TXT over UDP: NOERROR, \d\d bytes, truncated\n/,
  );

  zone.server.interrupt();
  const { code, errors } = await zone.server.ended();
  assertEquals([code, errors], [0, ""]);
});

/** `unbound` that resolves the zone of a server, and names of its own. */
async function startUnbound(
  zonePort: number,
): Promise<{ port: number } & AsyncDisposable> {
  const folder = await Deno.makeTempDir({ prefix: "sluice_dns_" });
  const port = freePort();
  await Deno.writeTextFile(
    `${folder}/unbound.conf`,
    `
server:
  interface: 127.0.0.1@${port}
  access-control: 127.0.0.0/8 allow
  username: ""
  chroot: ""
  directory: "${folder}"
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  do-ip6: no
  num-threads: 1
  module-config: "iterator"
  do-not-query-localhost: no
  local-zone: "test." nodefault
  local-zone: "own.example." static
  local-data: "www.own.example. 77 IN A 192.0.2.77"
  local-data: "own.example. 300 IN SOA ns.own.example. root.own.example. 1 1 1 1 300"
  local-data: 'large.own.example. 77 IN TXT ${
      `"${"u".repeat(250)}" `.repeat(10)
    }'
remote-control:
  control-enable: no
stub-zone:
  name: "sluice.test."
  stub-addr: 127.0.0.1@${zonePort}
`,
  );
  const child = new Deno.Command(unboundPath()!, {
    args: ["-d", "-c", `${folder}/unbound.conf`],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const server = { hostname: "127.0.0.1", port };
  const close = async () => {
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await child.status;
    await Deno.remove(folder, { recursive: true });
  };
  try {
    const question = {
      name: "www.own.example.",
      type: "A",
      class: IN,
    } as const;
    await retry(() => askServer(question, { server, tcp: true }), {
      attempts: 300,
      minDelayMs: 20,
      maxDelayMs: 100,
    });
  } catch (error) {
    await close();
    throw error;
  }
  return { port, [Symbol.asyncDispose]: close };
}

/** Debian has it where only root's PATH leads. */
function unboundPath(): string | undefined {
  return findProgram("unbound") ?? findProgram("unbound", "/usr/sbin");
}

const noUnbound = unboundPath() === undefined && lacksPrograms("unbound");

Deno.test(
  "dns/resolver asks unbound, which asks dns/server, and keeps what they say",
  {
    timeout,
    ignore: noUnbound || lacksPrograms("dig"),
  },
  async () => {
    await using zone = await startZone();
    await using unbound = await startUnbound(zone.port);
    const { server: resolver, address, port } = await startServer(
      "dns/resolver",
      "--upstream",
      `127.0.0.1:${unbound.port}`,
    );
    await using _ = resolver;
    const ask = (...args: string[]) => dig(port, ...args);

    const own = await ask("www.own.example", "A");
    assertMatch(own, /flags: qr rd ra; QUERY: 1, ANSWER: 1,/);
    assertMatch(own, /^www\.own\.example\.\s+77\s+IN\s+A\s+192\.0\.2\.77$/m);
    assertEquals(
      await ask("+short", "web.sluice.test", "AAAA", "sluice.test", "MX"),
      "www.sluice.test.\n2001:db8::80\n10 mail.sluice.test.\n",
    );
    // From both in the same way: over TCP up to us, and over TCP to dig.
    assertMatch(await ask("large.own.example", "TXT"), /in TCP[^]*u{250}/);
    assertMatch(await ask("large.sluice.test", "TXT"), /in TCP[^]*l{250}/);
    await resolver.printed(
      /large\.own\.example\. TXT over TCP.*from the cache\n/,
    );
    await zone.server.printed(/large\.sluice\.test\. TXT over TCP: NOERROR/);

    for (const source of ["", "from the cache"]) {
      const missing = await ask("no.sluice.test", "A");
      assertMatch(missing, /status: NXDOMAIN/);
      assertMatch(missing, /^sluice\.test\.\s+\d+\s+IN\s+SOA/m);
      await resolver.printed(
        new RegExp(`no\\.sluice\\.test\\. A over UDP: NXDOMAIN, .*${source}\n`),
      );
    }
    assertMatch(await ask("+norecurse", "www.own.example"), /status: REFUSED/);

    // The client, with the resolver and with unbound itself.
    for (const server of [address, `127.0.0.1:${unbound.port}`]) {
      const { code, output, errors } = await runExample(
        "dns/query",
        ...["large.sluice.test", "TXT", "--server", server],
      );
      assertEquals([code, errors], [0, ""]);
      assertMatch(output, /^large\.sluice\.test\. \d+ TXT ("l{250}" ?){14}\n$/);
    }
    const { code, errors } = await runExample(
      "dns/query",
      ...["no.sluice.test", "--server", address, "--tcp"],
    );
    assertEquals([code, errors], [1, "The server says NXDOMAIN\n"]);
  },
);

Deno.test(
  "dns/server holds against what is no query, and a flood from one address",
  {
    timeout,
  },
  async () => {
    await using zone = await startZone("--rate", "1");
    const { port } = zone;
    const query = makeQuery({ name: "www.sluice.test.", type: "A", class: IN });
    const good = encodeMessage(query);
    const looping = good.slice();
    looping.set([0xc0, 12], 12);
    await using peer = await connectDatagram({ port });
    const limits = { timeoutMs: 15_000 };

    // A header says which query was wrong; what says that it is an answer gets none.
    await peer.send(encodeMessage({ ...query, isResponse: true }));
    await peer.send(looping);
    const { data } = (await peer.receive(limits))!;
    const answer = decodeMessage(data);
    assertEquals([answer.id, answer.rcode], [query.id, 1]);
    assert(answer.isResponse);

    // The address has had all that it gets for now, and gets no more bytes than it sends.
    for (let i = 0; i < 20; i++) await peer.send(good);
    while (true) {
      const { data } = (await peer.receive(limits))!;
      if (!decodeMessage(data).isTruncated) continue;
      assert(data.length <= good.length);
      break;
    }
    // By TCP, it is still served.
    const server = { hostname: "127.0.0.1", port };
    const { answers: records } = await askServer(query.questions[0], {
      server,
      tcp: true,
    });
    assertEquals(records.length, 1);
  },
);

Deno.test("dns programs say in one line what is wrong with their flags", {
  timeout,
}, async () => {
  const cases: [string, string[], RegExp][] = [
    ["dns/server", ["--zone", "zone.txt"], /^Cannot use zone\.txt as --zone: /],
    ["dns/server", ["--listen", "unix:a"], /^Cannot listen: --listen must be/],
    ["dns/resolver", ["--allow", "10/8"], /^Cannot use --allow: .* "10\/8"\n/],
    ["dns/resolver", ["--upstream", "a:0"], /^(Cannot ask|--upstream): /],
    ["dns/query", [], /^Cannot ask: NAME and at most a TYPE must be given/],
    ["dns/query", ["a..b"], /^Cannot use a name: no label may be empty/],
    ["dns/query", ["a", "\x1b[1m"], /^Cannot ask: TYPE must be such as/],
  ];
  await Promise.all(cases.map(async ([name, args, message]) => {
    const { code, errors } = await runExample(name, ...args);
    assertEquals(code, 2, errors);
    assertMatch(errors, message);
    assertEquals(errors.split("\n").length, 2);
  }));
  // Nothing answers there.
  const args = ["a.b", "--server", "127.0.0.1:1", "--timeout", "1"];
  assertEquals(await runExample("dns/query", ...args), {
    code: 1,
    output: "",
    errors: "Cannot ask 127.0.0.1:1 within 1000 ms: no answer came\n",
  });
  const { code, errors } = await runWithoutPermissions("dns/server");
  assertEquals(code, 1);
  assertMatch(errors, /--allow-net=127\.0\.0\.1:5301,127\.0\.0\.1/);
});

Deno.test(
  "dns/resolver refuses addresses that its permissions do not allow, before it listens",
  {
    timeout,
  },
  async () => {
    const listen = ["--listen", "127.0.0.1:0"];
    const cases: [args: string[], flags: string][] = [
      [[...listen, "--upstream", "192.0.2.1:53"], "--allow-net=192.0.2.1"],
      [[...listen, "--upstream", "[::1]:53"], "'--allow-net=[::1]'"],
      // It answers anyone then.
      [["--listen", "127.0.0.2:0"], "--allow-net"],
    ];
    await Promise.all(cases.map(async ([args, flags]) => {
      const { code, output, errors } = await runExample(
        "dns/resolver",
        ...args,
      );
      assertEquals([code, output], [1, ""]);
      const [what, remedy] = errors.split(": run again with ");
      assertMatch(what, /^Cannot exchange datagrams on 127\.0\.0\.\d:0$/);
      assertEquals(remedy, `${flags}\n`);
    }));
  },
);
