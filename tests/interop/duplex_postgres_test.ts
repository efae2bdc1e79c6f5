import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import pg from "npm:pg@8.23.1";
import { BrokenError, connect, relay, serve, type Socket } from "@sluice/net";
import { toDuplex } from "@sluice/net/adapters";
import { faultProxy } from "@sluice/net/testing";
import { createAuthority } from "../_support/certificates.ts";
import { type Database, startPostgres } from "../_support/databases.ts";
import { lacksPrograms } from "../_support/programs.ts";

const POSTGRES = {
  ignore: lacksPrograms("postgres"),
  timeout: 60_000,
};

/** What is used of a client here: the package has no types of its own. */
interface Client {
  connect(): Promise<void>;
  query(
    text: string,
    values?: unknown[],
  ): Promise<{ rows: Record<string, unknown>[] }>;
  end(): Promise<void>;
  on(event: "error", listener: (error: Error) => void): void;
}

/** A client of pg over a socket of ours. */
function clientOver(socket: Socket, options: object = {}): Client {
  return new pg.Client({
    user: "postgres",
    database: "postgres",
    host: "localhost",
    stream: () => toDuplex(socket),
    ...options,
  });
}

/** A conversation that uses most of what a client can do. */
async function converse(client: Client): Promise<void> {
  await client.connect();
  const { rows } = await client.query("select $1::int + 1 as sum", [41]);
  assertEquals(rows, [{ sum: 42 }]);
  await client.query("create temp table notes (id int, text text)");
  const many = Array.from(
    { length: 500 },
    (_, id) =>
      client.query("insert into notes values ($1, $2)", [id, `note ${id}`]),
  );
  await Promise.all(many);
  const counted = await client.query("select count(*)::int as n from notes");
  assertEquals(counted.rows, [{ n: 500 }]);
  // Larger than any buffer on the way, in both directions.
  const large = "0123456789abcdef".repeat(300_000);
  const back = await client.query("select $1::text as large", [large]);
  assertEquals(back.rows[0].large === large, true);
  const series = await client.query(
    "select i from generate_series(1, 50000) as i",
  );
  assertEquals(series.rows.length, 50_000);
  await assertRejects(() => client.query("select 1 / 0"), Error, "by zero");
  await client.end();
}

Deno.test(
  "toDuplex() carries pg over TCP, a Unix socket and TLS",
  POSTGRES,
  async (t) => {
    const authority = await createAuthority();
    await using database = await startPostgres({
      tls: await authority.issue(),
    });
    const { port, path } = database;

    await t.step("over TCP", async () => {
      await converse(clientOver(await connect({ port })));
    });
    await t.step("over a Unix socket", async () => {
      await converse(clientOver(await connect({ path })));
    });
    await t.step("with TLS of pg's own above it", async () => {
      const ssl = { ca: authority.cert };
      await converse(clientOver(await connect({ port }), { ssl }));
    });
    await t.step("with our TLS beneath it", async () => {
      const socket = await connect({ port });
      // What PostgreSQL asks for instead of STARTTLS.
      await socket.write(new Uint8Array([0, 0, 0, 8, 4, 210, 22, 47]));
      assertEquals(await socket.readExactly(1), new Uint8Array([0x53]));
      await socket.startTls({
        caCerts: [authority.cert],
        serverName: "localhost",
      });
      await converse(clientOver(socket));
    });
    await t.step("in a pool", async () => {
      const sockets = await Promise.all([connect({ port }), connect({ port })]);
      const pool: Pick<Client, "query" | "end"> = new pg.Pool({
        user: "postgres",
        database: "postgres",
        max: 2,
        stream: () => toDuplex(sockets.pop()!),
      });
      const answers = await Promise.all(
        Array.from(
          { length: 100 },
          (_, i) => pool.query("select $1::int", [i]),
        ),
      );
      assertEquals(answers.map(({ rows }) => rows[0].int4)[99], 99);
      await pool.end();
    });
    await t.step("tells of a server that ends it", () => endedBy(database));
  },
);

/** The server says goodbye to a client in the middle of a query. */
async function endedBy({ port }: Database): Promise<void> {
  const [client, other] = [
    clientOver(await connect({ port })),
    clientOver(await connect({ port })),
  ];
  await Promise.all([client.connect(), other.connect()]);
  const told = new Promise<Error>((resolve) => client.on("error", resolve));
  const { rows } = await client.query("select pg_backend_pid() as pid");
  const stuck = assertRejects(
    () => client.query("select pg_sleep(30)"),
    Error,
    "terminating connection",
  );
  await other.query("select pg_terminate_backend($1)", [rows[0].pid]);
  await stuck;
  await told;
  await other.end();
}

Deno.test(
  "toDuplex() tells pg of a connection that breaks in the middle",
  POSTGRES,
  async () => {
    await using database = await startPostgres();
    const between: Socket[] = [];
    // It passes everything on until the test cuts it.
    await using proxy = serve({ port: 0 }, async (socket) => {
      const upstream = await connect({ port: database.port });
      between.push(socket);
      await relay(socket, upstream);
    });
    const client = clientOver(await connect({ port: proxy.addr.port }));
    const told = new Promise<Error>((resolve) => client.on("error", resolve));
    await client.connect();
    const stuck = assertRejects(
      () => client.query("select pg_sleep(30)"),
      Error,
      "Connection terminated",
    );
    between[0].abort();
    await stuck;
    await told;
  },
);

Deno.test(
  "toDuplex() tells pg of a server that stalls in the middle",
  POSTGRES,
  async () => {
    await using server = serve({ port: 0 }, async (socket) => {
      // The start of a message of a thousand bytes.
      await socket.write(new Uint8Array([0x52, 0, 0, 3, 232, 0]));
      while (await socket.read() !== null);
    });
    const socket = await connect({ port: server.addr.port, readMs: 200 });
    const error: Error & { code?: string } = await assertRejects(
      () => clientOver(socket).connect(),
      Error,
      "the time limit passed",
    );
    assertEquals(error.code, "ETIMEDOUT");
  },
);

Deno.test(
  "toDuplex() tells pg of a reset, wherever it comes",
  POSTGRES,
  async () => {
    await using database = await startPostgres();
    const target = { port: database.port };
    // In the greeting, in an answer, and in the middle of a large one.
    for (const resetAfterBytes of [10, 500, 3_000_000]) {
      await using proxy = await faultProxy({
        target,
        toClient: { resetAfterBytes },
      });
      const client = clientOver(await connect({ port: proxy.addr.port }));
      client.on("error", () => {});
      const error: Error & { code?: string } = await assertRejects(
        async () => {
          await client.connect();
          await client.query("select repeat('x', 10000000)");
        },
        Error,
      );
      assertEquals(error.code, "ECONNRESET");
      assertInstanceOf(error.cause, BrokenError);
    }
    // Every piece that a slow network makes of it.
    await using proxy = await faultProxy({ target, splitBytes: 7 });
    const client = clientOver(await connect({ port: proxy.addr.port }));
    await client.connect();
    const { rows } = await client.query("select $1::text as text", ["whole"]);
    assertEquals(rows, [{ text: "whole" }]);
    await client.end();
  },
);
