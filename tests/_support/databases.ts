/**
 * Database servers of the tests' own: on a free port of 127.0.0.1, in a folder that goes
 * with them.
 *
 * @module
 */

import { program } from "./programs.ts";
import { freePort } from "./free_port.ts";

/** A server that runs; disposing of it ends it and removes its folder. */
export interface Database extends AsyncDisposable {
  port: number;
  /** Its Unix socket. */
  path: string;
}

/** Starts Redis, which keeps nothing on the disk. */
export async function startRedis(): Promise<Database> {
  const folder = await Deno.makeTempDir();
  const port = freePort();
  const path = `${folder}/redis.sock`;
  const server = new Deno.Command(program("redis-server"), {
    args: [
      ...["--port", `${port}`, "--bind", "127.0.0.1", "--unixsocket", path],
      ...["--save", "", "--appendonly", "no", "--dir", folder],
    ],
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const running = { port, path, ...disposer(server, server.stdout, folder) };
  await running.untilPrinted(/ready to accept connections (at|unix)/i);
  return running;
}

/** It refuses to run as root: this is the user of that name everywhere. */
const NO_ONE = 65_534;

/** What of PostgreSQL differs from test to test. */
export interface PostgresOptions {
  /** Its certificate, in PEM form. */
  tls?: { cert: string; key: string };
}

/** Starts PostgreSQL, whose user `postgres` needs no password. */
export async function startPostgres(
  { tls }: PostgresOptions = {},
): Promise<Database> {
  const folder = await Deno.makeTempDir();
  const asUser = Deno.uid() === 0 ? { uid: NO_ONE, gid: NO_ONE } : {};
  const own = async (path: string) => {
    if (Deno.uid() === 0) await Deno.chown(path, NO_ONE, NO_ONE);
  };
  await own(folder);
  const data = `${folder}/data`;
  const made = await new Deno.Command(program("initdb"), {
    args: ["-D", data, "-A", "trust", "-U", "postgres", "--no-sync"],
    cwd: folder,
    ...asUser,
  }).output();
  if (!made.success) throw new Error(new TextDecoder().decode(made.stderr));
  const port = freePort();
  const settings: Record<string, string> = {
    listen_addresses: "127.0.0.1",
    unix_socket_directories: folder,
    fsync: "off",
  };
  if (tls !== undefined) {
    settings.ssl = "on";
    for (const [name, pem] of Object.entries(tls)) {
      const path = `${folder}/${name}.pem`;
      await Deno.writeTextFile(path, pem, { mode: 0o600 });
      await own(path);
      settings[`ssl_${name}_file`] = path;
    }
  }
  const server = new Deno.Command(program("postgres"), {
    args: [
      ...["-D", data, "-p", `${port}`],
      ...Object.entries(settings).flatMap(([name, value]) => [
        "-c",
        `${name}=${value}`,
      ]),
    ],
    cwd: folder,
    stdout: "null",
    stderr: "piped",
    ...asUser,
  }).spawn();
  const path = `${folder}/.s.PGSQL.${port}`;
  const running = { port, path, ...disposer(server, server.stderr, folder) };
  await running.untilPrinted(/ready to accept connections/);
  return running;
}

/** Watches what a server prints, and ends it. */
function disposer(
  server: Deno.ChildProcess,
  output: ReadableStream<Uint8Array>,
  folder: string,
) {
  let printed = "";
  const ready = Promise.withResolvers<void>();
  let wanted: RegExp | undefined;
  const watching = (async () => {
    for await (const text of output.pipeThrough(new TextDecoderStream())) {
      printed += text;
      if (wanted?.test(printed)) ready.resolve();
    }
    ready.reject(new Error(`the server has ended: ${printed}`));
  })();
  return {
    untilPrinted(text: RegExp): Promise<void> {
      wanted = text;
      if (text.test(printed)) ready.resolve();
      return ready.promise;
    },
    async [Symbol.asyncDispose](): Promise<void> {
      // For PostgreSQL: without waiting for its clients.
      server.kill("SIGINT");
      await server.status;
      ready.promise.catch(() => {});
      await watching;
      await Deno.remove(folder, { recursive: true });
    },
  };
}
