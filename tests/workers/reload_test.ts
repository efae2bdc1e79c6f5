import { assertEquals, assertRejects } from "@std/assert";
import { connect } from "@sluice/net";
import {
  supervise,
  type SuperviseOptions,
  WorkerError,
  type WorkerGroup,
} from "@sluice/net/workers";
import { ask, Events } from "./_group.ts";

const options = { ignore: Deno.build.os === "windows", timeout: 120_000 };
const LIBRARY = new URL("../../mod.ts", import.meta.url).href;
const WORKERS = new URL("../../lib/workers/mod.ts", import.meta.url).href;

/** A module whose code changes: it answers each line with `version`. */
function code(version: string): string {
  return `
    import { framed, lines, serve } from ${JSON.stringify(LIBRARY)};
    import { worker } from ${JSON.stringify(WORKERS)};
    export default worker(({ acceptor }) =>
      serve({ acceptor }, async (socket) => {
        const connection = framed(socket, lines());
        for await (const _ of connection) await connection.send("${version}");
      })
    );
  `;
}

/** A group whose module can be changed. */
async function changeable(
  options: Partial<SuperviseOptions> = {},
): Promise<
  {
    group: WorkerGroup;
    events: Events;
    change: (source: string) => Promise<void>;
  } & AsyncDisposable
> {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/worker.ts`;
  const change = (source: string) => Deno.writeTextFile(path, source);
  await change(code("first"));
  const events = new Events();
  const group = await supervise({
    module: new URL(`file://${path}`),
    workers: 2,
    port: 0,
    permissions: ["--allow-net=127.0.0.1"],
    onEvent: events.onEvent,
    ...options,
  });
  return {
    group,
    events,
    change,
    async [Symbol.asyncDispose]() {
      await group.shutdown({ timeoutMs: 0 });
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** Clients that connect and ask, until they are stopped: how many did, and how many lost theirs. */
function underLoad(group: WorkerGroup, clients: number) {
  let stopped = false;
  const counts = { asked: 0, lost: 0 };
  const all = Array.from({ length: clients }, async () => {
    while (!stopped) {
      counts.asked++;
      const answer = await ask(group, "what?").catch(() => null);
      if (answer === null) counts.lost++;
    }
  });
  return async () => {
    stopped = true;
    await Promise.all(all);
    return counts;
  };
}

Deno.test(
  "ten reloads under load lose no connection on a shared descriptor",
  options,
  async () => {
    await using changed = await changeable();
    const { group, events, change } = changed;
    await using old = await connect({ port: group.addr.port });
    await old.write("what?\n");
    assertEquals(await old.readLine(), "first");
    const stop = underLoad(group, 8);
    for (let i = 0; i < 9; i++) {
      const reloaded = group.reload();
      // It drains: between two lines it ends.
      if (i === 0) assertEquals(await old.readLine(), null);
      if (i === 0) await old.close();
      await reloaded;
    }
    await change(code("last"));
    await group.reload();
    const { asked, lost } = await stop();
    assertEquals(lost, 0, `of ${asked}`);
    assertEquals(await ask(group, "what?"), "last");
    assertEquals(events.of("worker-started").length, 22);
    const ends = events.of("worker-ended").map(({ reason }) => reason);
    assertEquals(ends, new Array(20).fill("drained"));
    assertEquals((await group.stats()).accepted, asked + 2);
  },
);

Deno.test(
  "a reload with reuse-port starts the new code, too",
  options,
  async () => {
    await using changed = await changeable({ share: "reuse-port" });
    const { group, change } = changed;
    const stop = underLoad(group, 4);
    await change(code("second"));
    await group.reload();
    const { asked } = await stop();
    // Those in the backlog of a worker that ends are lost, so the others are not counted here.
    assertEquals(asked > 0, true);
    assertEquals(await ask(group, "what?"), "second");
  },
);

Deno.test(
  "a reload whose code cannot start rejects and leaves the old workers",
  options,
  async () => {
    await using changed = await changeable();
    const { group, change } = changed;
    const before = group.workers;
    await change(`
    import { worker } from ${JSON.stringify(WORKERS)};
    export default worker(() => { throw new Error("forgot a comma"); });
  `);
    const error = await assertRejects(() => group.reload(), WorkerError);
    assertEquals((error.cause as Error).message, "forgot a comma");
    assertEquals(group.workers, before);
    assertEquals(await ask(group, "what?"), "first");
    await change(code("mended"));
    await group.reload();
    assertEquals(await ask(group, "what?"), "mended");
  },
);

Deno.test(
  "reloads that are asked for meanwhile become one more",
  options,
  async () => {
    await using changed = await changeable();
    const { group, events } = changed;
    await Promise.all([group.reload(), group.reload(), group.reload()]);
    assertEquals(events.of("worker-ready").length, 6);
  },
);

Deno.test(
  "a group that shuts down ends its reload, and starts nothing more",
  options,
  async () => {
    await using changed = await changeable();
    const { group, events } = changed;
    const reload = assertRejects(() => group.reload(), Error, "shutting down");
    await events.until("worker-started", 3);
    await group.shutdown();
    await reload;
    assertEquals(group.workers, []);
    assertEquals(events.of("worker-started").length, 3);
  },
);

Deno.test(
  "a worker that dies during a reload is not replaced twice",
  options,
  async () => {
    await using changed = await changeable({ restart: { minDelayMs: 1 } });
    const { group, events } = changed;
    const [{ pid }] = group.workers;
    const reload = group.reload();
    Deno.kill(pid!, "SIGKILL");
    await reload;
    assertEquals(group.workers.map(({ index }) => index), [0, 1]);
    assertEquals(await ask(group, "what?"), "first");
    const alive = new Set(group.workers.map(({ id }) => id));
    const started = events.of("worker-started").map(({ id }) => id);
    const ended = new Set(events.of("worker-ended").map(({ id }) => id));
    assertEquals(started.filter((id) => !ended.has(id)), [...alive]);
  },
);
