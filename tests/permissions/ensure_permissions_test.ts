import { assertEquals, assertRejects } from "@std/assert";
import { PermissionError } from "../../lib/errors.ts";
import { ensurePermissions } from "../../lib/permissions/ensure_permissions.ts";
import {
  type PermissionPlan,
  permissionsFor,
} from "../../lib/permissions/permission_plan.ts";
import { runProbe } from "./_run_probe.ts";

const TIMEOUT = { timeout: 60_000 };

Deno.test(
  "ensurePermissions() says what to type, and that suffices",
  TIMEOUT,
  async () => {
    const plans = [["listen", { port: 8888 }]];
    const none = await runProbe([], "ensure", plans);
    assertEquals(
      none.stdout,
      "PermissionError: Cannot listen on 127.0.0.1:8888: run again with " +
        "--allow-net=127.0.0.1:8888",
    );
    const flags = none.stdout.split("run again with ")[1].split(" ");
    const some = await runProbe(flags, "ensure", plans);
    assertEquals(some.stdout, "ok");
  },
);

Deno.test(
  "ensurePermissions() names only what is missing of several plans",
  TIMEOUT,
  async () => {
    const { stdout } = await runProbe(
      ["--allow-net=127.0.0.1:1", "--allow-read"],
      "ensure",
      [
        ["listen", { port: 1 }],
        ["listen", { port: 2 }],
        ["connect", { hostname: "localhost", port: 3 }],
        ["connect", { path: "/run/x.sock" }],
      ],
    );
    assertEquals(
      stdout,
      "PermissionError: Cannot listen on 127.0.0.1:2, connect to localhost:3, " +
        "connect to unix:/run/x.sock: run again with " +
        "--allow-net=127.0.0.1:2,localhost:3,unix:/run/x.sock " +
        "--allow-write=/run/x.sock",
    );
  },
);

Deno.test(
  "ensurePermissions() writes flags as a shell takes them",
  TIMEOUT,
  async () => {
    const { stdout } = await runProbe([], "ensure", [
      [undefined, { hostname: "::1", port: 80 }],
      ["connect", { path: "/run/it's.sock" }],
    ]);
    assertEquals(
      stdout.split("run again with ")[1],
      `'--allow-net=[::1]:80,unix:/run/it'\\''s.sock' ` +
        `'--allow-read=/run/it'\\''s.sock' '--allow-write=/run/it'\\''s.sock'`,
    );
  },
);

Deno.test(
  "ensurePermissions() tells of a flag that forbids it",
  TIMEOUT,
  async () => {
    const { stdout } = await runProbe(
      ["--allow-net", "--deny-net=127.0.0.1"],
      "ensure",
      [["connect", { port: 80 }]],
    );
    assertEquals(
      stdout,
      "PermissionError: Cannot connect to 127.0.0.1:80: run again with " +
        "--allow-net=127.0.0.1:80 and without --deny-net",
    );
  },
);

Deno.test(
  "ensurePermissions() asks for the flags of unstable features",
  TIMEOUT,
  async () => {
    const plans = [["listen", { port: 80 }, ["--unstable-net"]]];
    const net = "--allow-net=127.0.0.1:80";
    const { stdout } = await runProbe([net], "ensure", plans);
    assertEquals(
      stdout,
      "PermissionError: Cannot listen on 127.0.0.1:80: run again with " +
        "--unstable-net",
    );
    const both = await runProbe([net, "--unstable-net"], "ensure", plans);
    assertEquals(both.stdout, "ok");
  },
);

/** Puts other answers in the place of Deno's, and forbids to prompt. */
function withState(state: Deno.PermissionState) {
  const { query, request, requestSync } = Deno.permissions;
  const prompt = () => {
    throw new Error("it prompts");
  };
  Object.assign(Deno.permissions, {
    query: () => Promise.resolve({ state }),
    request: prompt,
    requestSync: prompt,
  });
  return {
    [Symbol.dispose]: () =>
      void Object.assign(Deno.permissions, { query, request, requestSync }),
  };
}

Deno.test("ensurePermissions() rejects with the flags, and never prompts", async () => {
  using _ = withState("prompt");
  const error = await assertRejects(
    () => ensurePermissions(permissionsFor({ port: 8888 })),
    PermissionError,
    "Cannot use 127.0.0.1:8888: run again with --allow-net=127.0.0.1:8888",
  );
  assertEquals(error.flags, ["--allow-net=127.0.0.1:8888"]);
});

Deno.test("ensurePermissions() accepts what is granted, and no plan at all", async () => {
  using _ = withState("granted");
  await ensurePermissions(permissionsFor({ path: "/run/x.sock" }));
  await ensurePermissions();
});

Deno.test("ensurePermissions() refuses what is no plan", async () => {
  for (const plan of [null, undefined, 80, "net", {}, { port: 80 }, []]) {
    await assertRejects(
      () => ensurePermissions(plan as unknown as PermissionPlan),
      TypeError,
      "each plan must be what permissionsFor() makes, got",
    );
  }
});
