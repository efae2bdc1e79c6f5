/**
 * Commands about the connection and the server.
 *
 * @module
 */

import type { Command } from "./command.ts";
import { CommandError } from "./command_error.ts";
import type { Database } from "./database.ts";
import { owned } from "./latin1.ts";
import { USER } from "./password.ts";
import { Pairs, type Protocol, type Reply, Status } from "./reply.ts";
import type { Session } from "./session.ts";
import {
  command,
  NOT_AN_INTEGER,
  OK,
  type Spec,
  type Traits,
  wrongCount,
} from "./spec.ts";

/** Whose answers these are, to clients that ask. */
const REDIS_VERSION = "7.2.0";
const PONG = new Status("PONG");
const RESET = new Status("RESET");
/** Most characters of what a client calls itself. */
const MAX_NAME = 128;
const FIRST: Traits = { beforeLogin: true, inTransaction: "at-once" };

/** By name, in capitals. */
export const CONNECTION_COMMANDS: Record<string, Spec> = {
  PING: command(0, 1, ([, text], db, { channels, protocol }) => {
    db.addFresh(text?.length ?? 0);
    if (channels.size > 0 && protocol === 2) return ["pong", text ?? ""];
    return text ?? PONG;
  }, { whileSubscribed: true }),
  ECHO: command(1, 1, ([, text], db) => {
    db.addFresh(text.length);
    return text;
  }),
  QUIT: command(0, Infinity, () => OK, { ...FIRST, whileSubscribed: true }),
  RESET: command(0, 0, reset, { ...FIRST, whileSubscribed: true }),
  HELLO: command(0, 6, hello, { ...FIRST, inTransaction: "refused" }),
  AUTH: command(1, 2, (args, db, session) => {
    const [user, password] = args.length === 2
      ? [USER, args[1]]
      : [args[1], args[2]];
    if (db.password === undefined && args.length === 2) {
      throw new CommandError(
        "ERR AUTH <password> called without any password configured for the " +
          "default user. Are you sure your configuration is correct?",
      );
    }
    logIn(db, session, user, password);
    return OK;
  }, { beforeLogin: true }),
  SELECT: command(1, 1, ([, index]) => {
    if (!/^-?\d+$/.test(index)) throw new CommandError(NOT_AN_INTEGER);
    if (index !== "0") throw new CommandError("ERR DB index is out of range");
    return OK;
  }),
  CLIENT: command(1, Infinity, client),
  CONFIG: command(1, Infinity, ([, verb, ...names]) => {
    if (verb.toUpperCase() !== "GET") {
      throw new CommandError("ERR only CONFIG GET is supported");
    }
    const wanted = new Set(names.map((name) => name.toLowerCase()));
    return new Pairs(SETTINGS.filter(([name]) => wanted.has(name)));
  }),
  INFO: command(0, Infinity, (_, db) => {
    const text = info(db);
    db.addFresh(text.length);
    return text;
  }),
};

/** What `CONFIG GET` knows: that nothing is written to disk. */
const SETTINGS: [name: string, value: string][] = [
  ["save", ""],
  ["appendonly", "no"],
];

function info({ keyspace, memory, evictedClients }: Database): string {
  return [
    "# Server",
    `redis_version:${REDIS_VERSION}`,
    "redis_mode:standalone",
    `deno_version:${Deno.version.deno}`,
    "# Memory",
    `used_memory:${keyspace.bytes}`,
    `mem_clients_normal:${memory.bytes}`,
    "# Persistence",
    "loading:0",
    "# Stats",
    `evicted_clients:${evictedClients}`,
    "# Replication",
    "role:master",
    "# Keyspace",
    `db0:keys=${keyspace.size}`,
    "",
  ].join("\r\n");
}

function logIn(
  { password }: Database,
  session: Session,
  user: string,
  said: string,
): void {
  // Without a password the one user needs none, as in Redis.
  const verdict = password === undefined
    ? "right"
    : password.judge(session.address, user, said);
  if (verdict === "too-many") {
    throw new CommandError(
      "WRONGPASS too many wrong passwords from this address: try again in a minute",
    );
  }
  if (verdict === "wrong" || user !== USER) {
    throw new CommandError(
      "WRONGPASS invalid username-password pair or user is disabled.",
    );
  }
  session.authenticated = true;
}

function reset(_: Command, db: Database, session: Session): Reply {
  session.transaction.discard();
  db.channels.leave(session);
  session.protocol = 2;
  session.name = "";
  session.authenticated = db.password === undefined;
  return RESET;
}

/** `HELLO [protover [AUTH user password] [SETNAME name]]`. */
function hello(args: Command, db: Database, session: Session): Reply {
  const [, version, ...rest] = args;
  const protocol = version === undefined
    ? session.protocol
    : protocolOf(version);
  let login: [user: string, password: string] | undefined;
  let name: string | undefined;
  for (let i = 0; i < rest.length;) {
    const option = rest[i].toUpperCase();
    if (option === "AUTH" && i + 2 < rest.length) {
      login = [rest[i + 1], rest[i + 2]];
      i += 3;
    } else if (option === "SETNAME" && i + 1 < rest.length) {
      name = checkedName(rest[i + 1], "Client names");
      i += 2;
    } else {
      throw new CommandError(`ERR Syntax error in HELLO option '${rest[i]}'`);
    }
  }
  if (login !== undefined) logIn(db, session, ...login);
  if (!session.authenticated) {
    throw new CommandError(
      "NOAUTH HELLO must be called with the client already authenticated, " +
        "otherwise the HELLO <proto> AUTH <user> <pass> option can be used to " +
        "authenticate the client and select the RESP protocol version at the same time",
    );
  }
  if (name !== undefined) session.name = name;
  session.protocol = protocol;
  return new Pairs([
    ["server", "redis"],
    ["version", REDIS_VERSION],
    ["proto", protocol],
    ["id", session.id],
    ["mode", "standalone"],
    ["role", "master"],
    ["modules", []],
  ]);
}

function protocolOf(version: string): Protocol {
  if (!/^-?\d+$/.test(version)) {
    throw new CommandError(
      "ERR Protocol version is not an integer or out of range",
    );
  }
  if (version === "2" || version === "3") return version === "2" ? 2 : 3;
  throw new CommandError("NOPROTO unsupported protocol version");
}

/** What clients say of themselves when they begin. */
function client(args: Command, _: Database, session: Session): Reply {
  const [, verb, ...rest] = args;
  const asked = verb.toUpperCase();
  const count = { ID: 0, GETNAME: 0, SETNAME: 1, SETINFO: 2 }[asked];
  if (count === undefined) {
    throw new CommandError(
      `ERR unknown subcommand '${verb.slice(0, 128)}'. Try CLIENT HELP.`,
    );
  }
  if (rest.length !== count) throw wrongCount(`client|${verb}`);
  if (asked === "ID") return session.id;
  if (asked === "GETNAME") return session.name === "" ? null : session.name;
  if (asked === "SETNAME") {
    session.name = checkedName(rest[0], "Client names");
    return OK;
  }
  // What it is made with is checked, and not kept.
  const attribute = rest[0].toLowerCase();
  if (attribute !== "lib-name" && attribute !== "lib-ver") {
    throw new CommandError(
      `ERR Unrecognized option '${rest[0].slice(0, 128)}'`,
    );
  }
  checkedName(rest[1], attribute);
  return OK;
}

function checkedName(name: string, what: string): string {
  if (/[^!-~]/.test(name)) {
    throw new CommandError(
      `ERR ${what} cannot contain spaces, newlines or special characters.`,
    );
  }
  if (name.length > MAX_NAME) {
    throw new CommandError(
      `ERR ${what} may have at most ${MAX_NAME} characters`,
    );
  }
  return owned(name);
}
