import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { ConfigError, parseConfig } from "../../../examples/monitor/config.ts";
import sample from "../../../examples/monitor/sample.json" with {
  type: "text",
};

const parse = (...targets: unknown[]) =>
  parseConfig(JSON.stringify({ targets }));

Deno.test("parseConfig() fills in what is left out", () => {
  assertEquals(parse({ address: "[::1]:80" }), [{
    name: "[::1]:80",
    address: { hostname: "::1", port: 80 },
    check: "connect",
    intervalMs: 5_000,
    timeoutMs: 3_000,
    failuresToDown: 3,
    successesToUp: 2,
  }]);
});

Deno.test("parseConfig() looks at a certificate hourly, and believes it at once", () => {
  const [target] = parse({
    address: "tls://example.com:443",
    check: "certificate",
  });
  const { intervalMs, failuresToDown, successesToUp } = target;
  assertEquals([intervalMs, failuresToDown, successesToUp], [3_600_000, 1, 1]);
});

Deno.test("parseConfig() reads the sample", () => {
  assertEquals(
    parseConfig(sample).map(({ name, check }) => `${name}: ${check}`),
    [
      "this page: connect",
      "its answer: expect",
      "this probe: throughput",
    ],
  );
});

Deno.test("parseConfig() reads what the README shows", async () => {
  const readme = await Deno.readTextFile(
    new URL("../../../examples/monitor/README.md", import.meta.url),
  );
  const [, json] = /```json\n([^]*?)```/.exec(readme)!;
  assertEquals(parseConfig(json).map(({ check }) => check), [
    "connect",
    "certificate",
    "expect",
    "throughput",
  ]);
});

Deno.test("parseConfig() says in one line what is wrong and where", async (test) => {
  const address = "127.0.0.1:80";
  const cases: [text: unknown, why: string][] = [
    [[], "it must be an object, got []"],
    [{}, "targets must be a list of 1 to 100, got missing"],
    [{ targets: [] }, "targets must be a list of 1 to 100"],
    [
      { targets: Array(101).fill({ address }) },
      "targets must be a list of 1 to 100",
    ],
    [
      { targets: [{ address }], interval: 1 },
      'it must have only targets, got "interval"',
    ],
    [{ targets: [7] }, "targets[0] must be an object, got 7"],
    [
      { targets: [null] },
      "targets[0] must be an object, got null",
    ],
    [{ targets: [{}] }, "targets[0].address must be a printable text"],
    [
      { targets: [{ address: "example.com" }] },
      "targets[0].address must be HOST:PORT, tls://HOST:PORT or unix:PATH",
    ],
    [
      { targets: [{ address: "127.0.0.1:0" }] },
      'with a port from 1 to 65535, got "127.0.0.1:0"',
    ],
    [
      { targets: [{ address }, { address, name: "\x1b[2J" }] },
      "targets[1].name must be a printable text of 1 to 40 characters",
    ],
    [
      { targets: [{ address, intervalMs: 99 }] },
      "targets[0].intervalMs must be a whole number from 100 to 86400000, got 99",
    ],
    [
      { targets: [{ address, timeoutMs: "3000" }] },
      'targets[0].timeoutMs must be a whole number from 10 to 60000, got "3000"',
    ],
    [
      { targets: [{ address, failuresToDown: 1.5 }] },
      "targets[0].failuresToDown must be a whole number",
    ],
    [
      { targets: [{ address, check: "ping" }] },
      'targets[0].check must be one of connect, certificate, expect, http, throughput, got "ping"',
    ],
    [
      { targets: [{ address, check: "certificate" }] },
      'targets[0].address must be of the form tls://…, got "127.0.0.1:80"',
    ],
    [
      {
        targets: [{
          address: "tls://127.0.0.1:443",
          check: "certificate",
          caCerts: ["ca.pem"],
        }],
      },
      'targets[0].caCerts must be a list of certificates as PEM, got ["ca.pem"]',
    ],
    [
      { targets: [{ address, check: "expect" }] },
      "targets[0].expect must be a printable text of 1 to 4096 characters",
    ],
    [
      { targets: [{ address, check: "http", path: "/a b" }] },
      "targets[0].path must be a path such as /health, of at most 2000 printable letters, got",
    ],
    [
      { targets: [{ address, check: "http", path: "/\r\nHost: other" }] },
      "targets[0].path must be a path such as /health",
    ],
    [
      { targets: [{ address, check: "throughput", bytes: 2 ** 30 }] },
      "targets[0].bytes must be a whole number from 1 to 67108864",
    ],
    [
      { targets: [{ address: "tls://127.0.0.1:80", check: "throughput" }] },
      "targets[0].address must be without tls://",
    ],
    [
      { targets: [{ address, warnDays: 3 }] },
      "targets[0] must have only check, address, name, intervalMs, timeoutMs, " +
      'failuresToDown, successesToUp, got "warnDays"',
    ],
    [
      { targets: [{ address }, { address }] },
      'each name must be used once, got "127.0.0.1:80" twice',
    ],
  ];
  for (const [value, why] of cases) {
    await test.step(why, () => {
      const { message } = assertThrows(
        () => parseConfig(JSON.stringify(value)),
        ConfigError,
        why,
      );
      assertMatch(message, /^Cannot read the configuration: [^\n]*$/);
    });
  }
});

Deno.test("parseConfig() says that it is no JSON, in one line", () => {
  const { message } = assertThrows(
    () => parseConfig('{\n  "targets": [,]\n}'),
    ConfigError,
    "Cannot read the configuration: it must be JSON: ",
  );
  assertMatch(message, /^[^\n]*$/);
});
