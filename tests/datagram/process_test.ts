import { assert, assertEquals, assertThrows } from "@std/assert";
import { datagram } from "@sluice/net/datagram";
import {
  type PermissionPlan,
  permissionsForDatagrams,
} from "@sluice/net/permissions";
import { fileURLToPath } from "node:url";
import { BACKENDS, hasFlag } from "./_backends.ts";

const PROBE = fileURLToPath(new URL("_probe.ts", import.meta.url));

/** Runs the probe in a process of its own, with these flags and no others. */
async function runProbe(
  flags: readonly string[],
  action: string,
  options: unknown = {},
): Promise<string[]> {
  const unstable = hasFlag ? ["--unstable-net"] : [];
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--no-prompt", "--no-config", "--no-check"],
      ...[...unstable, ...flags, PROBE, action, JSON.stringify(options)],
    ],
    env: { NO_COLOR: "1" },
    stdin: "null",
    signal: AbortSignal.timeout(30_000),
  }).output();
  const text = new TextDecoder();
  return (text.decode(stdout) + text.decode(stderr)).trim().split("\n");
}

for (const backend of BACKENDS) {
  Deno.test(`a denied permission names its flag (${backend})`, {
    timeout: 60_000,
  }, async () => {
    assertEquals(await runProbe([], "send", { backend }), [
      "Cannot bind to 127.0.0.1:0: run again with --allow-net=127.0.0.1:0",
      "--allow-net=127.0.0.1:0",
    ]);
    const [message, flag] = await runProbe(
      ["--allow-net=127.0.0.1:0"],
      "send",
      { backend },
    );
    const [, port] = /^Cannot send to 127\.0\.0\.1:(\d+): run again with /
      .exec(message)!;
    assertEquals(flag, `--allow-net=127.0.0.1:${port}`);
    const plan = permissionsForDatagrams({ port: 0 }, {
      sendsTo: ["127.0.0.1"],
    });
    assertEquals(await runProbe(plan.flags, "send", { backend }), ["1"]);
  });

  Deno.test(
    `a process waits for calls, and not for sockets that are left open (${backend})`,
    {
      timeout: 60_000,
    },
    async () => {
      const flags = ["--allow-net=127.0.0.1"];
      assertEquals(await runProbe(flags, "life", { backend }), ["4"]);
    },
  );
}

Deno.test(
  "looking up a name takes its permission for all ports, and the error says so",
  {
    timeout: 60_000,
  },
  async () => {
    const [message, flag] = await runProbe(["--allow-net=a.test:9"], "name");
    assertEquals(
      message,
      "Cannot look up a.test: run again with --allow-net=a.test (without a port: a name takes all of them)",
    );
    assertEquals(flag, "--allow-net=a.test");
  },
);

Deno.test(
  "the plan of a Unix socket suffices, and none of it can be left out",
  {
    ignore: !hasFlag || Deno.build.os === "windows",
    timeout: 120_000,
  },
  async () => {
    const folder = await Deno.makeTempDir();
    const [path, to] = [`${folder}/a`, `${folder}/b`];
    const receiver = await datagram({ path: to });
    try {
      const { flags, unstable } = permissionsForDatagrams({ path }, {
        sendsTo: [{ path: to }],
      });
      assertEquals(unstable, ["--unstable-net"]);
      assertEquals(await runProbe(flags, "unix", { path, to }), ["sent"]);
      // The values of a flag by themselves, too.
      const values = flags.flatMap((flag) => {
        const [name, list] = flag.split("=");
        return list.split(",").map((value) => `${name}=${value}`);
      });
      for (const left of values) {
        const others = values.filter((flag) => flag !== left);
        const [message] = await runProbe(others, "unix", { path, to });
        assert(message.includes(left), `${left}: ${message}`);
      }
    } finally {
      await receiver.close();
      await Deno.remove(folder, { recursive: true });
    }
  },
);

Deno.test("permissionsForDatagrams() plans ports, hosts, peers and everything", () => {
  const flags = (...args: Parameters<typeof permissionsForDatagrams>) =>
    permissionsForDatagrams(...args).flags;
  assertEquals(flags({ port: 0 }), ["--allow-net=127.0.0.1:0"]);
  assertEquals(
    flags({ hostname: "::", port: 53 }, {
      sendsTo: ["::1", "10.0.0.1", { hostname: "9.9.9.9", port: 53 }],
    }),
    ["--allow-net=[::]:53,[::1],10.0.0.1,9.9.9.9:53"],
  );
  assertEquals(flags({ port: 5 }, { sendsAnywhere: true }), ["--allow-net"]);
  const plan: PermissionPlan = permissionsForDatagrams(
    { port: 53, backend: "deno" },
    { sendsAnywhere: true },
  );
  assertEquals(plan.unstable, ["--unstable-net"]);
  assertEquals(plan.purpose, "exchange datagrams on 127.0.0.1:53");
  assertEquals(plan.descriptors, [{ name: "net", host: undefined }]);
  assertEquals(permissionsForDatagrams({ port: 1 }).unstable, []);
  assertEquals(
    flags({ path: "/run/a" }, { sendsTo: [{ path: "/run/b" }] }),
    [
      "--allow-read=/run/a",
      "--allow-write=/run/a,/run/b",
      "--allow-net=unix:/run/a,unix:/run/b",
    ],
  );
  // deno-lint-ignore no-explicit-any -- the point
  const plans = (...args: any[]) => () =>
    (permissionsForDatagrams as (...args: unknown[]) => unknown)(...args);
  assertThrows(plans({}), TypeError, "port must be a number");
  assertThrows(plans({ port: 1 }, { sendsTo: "x" }), TypeError, "an array");
  assertThrows(plans({ port: 1 }, { sendsTo: ["a b"] }), TypeError, "a host");
  assertThrows(plans({ port: 1 }, { sendTo: [] }), TypeError, "sendsTo?");
  assertThrows(plans({ port: 1, path: "/x" }), TypeError, "absent beside");
});
