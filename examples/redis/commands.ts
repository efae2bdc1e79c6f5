/**
 * Runs commands: finds what each is, whether its client may say it now, and its reply.
 *
 * @module
 */

import { CHANNEL_COMMANDS, whileSubscribedError } from "./channel_commands.ts";
import type { Command } from "./command.ts";
import { CommandError } from "./command_error.ts";
import { CONNECTION_COMMANDS } from "./connection_commands.ts";
import type { Database } from "./database.ts";
import { KEY_COMMANDS } from "./key_commands.ts";
import { FullError } from "./keyspace.ts";
import { Failure, NOTHING, Pairs, type Reply, Status } from "./reply.ts";
import type { Session } from "./session.ts";
import { command, OK, type Slices, type Spec, wrongCount } from "./spec.ts";
import { STRING_COMMANDS } from "./string_commands.ts";

const QUEUED = new Status("QUEUED");
const MANY_ARGUMENTS = 16;
/** What one `EXEC` may do: its commands are bounded, and what two of them do as well. */
const MAX_WORK_AT_ONCE = 70_000;

/** Runs a command, and never throws for what a client did. */
export function run(
  args: Command,
  db: Database,
  session: Session,
): Reply | Slices {
  const name = args[0];
  const spec = find(name);
  const { transaction } = session;
  try {
    if (spec === undefined) {
      throw new CommandError(`ERR unknown command '${name.slice(0, 128)}'`);
    }
    const count = args.length - 1;
    if (count < spec.least || count > spec.most) throw wrongCount(name);
    if (!session.authenticated && !spec.beforeLogin) {
      throw new CommandError("NOAUTH Authentication required.");
    }
    if (
      session.channels.size > 0 && session.protocol === 2 &&
      !spec.whileSubscribed
    ) throw whileSubscribedError(name);
    if (!transaction.open || spec.inTransaction === "at-once") {
      return execute(spec, args, db, session);
    }
    if (spec.inTransaction === "refused") {
      throw new CommandError("ERR Command not allowed inside a transaction");
    }
    transaction.add(args);
    return QUEUED;
  } catch (error) {
    // In a transaction all commands are done, or none.
    if (transaction.open && spec?.inTransaction !== "at-once") {
      transaction.fail();
    }
    return failureOf(error);
  }
}

function execute(
  spec: Spec,
  args: Command,
  db: Database,
  session: Session,
): Reply | Slices {
  // Most commands of many arguments do as much for each of them.
  if (args.length > MANY_ARGUMENTS) db.addWork(args.length);
  return spec.run(args, db, session);
}

/** What a client did wrong becomes its reply. */
function failureOf(error: unknown): Failure {
  if (error instanceof CommandError) return new Failure(error.message);
  if (error instanceof FullError) {
    return new Failure(
      "OOM command not allowed when used memory > 'maxmemory'.",
    );
  }
  throw error;
}

/** By name, in capitals. */
const TRANSACTION_COMMANDS: Record<string, Spec> = {
  MULTI: command(0, 0, (_, _db, { transaction }) => {
    if (transaction.open) {
      throw new CommandError("ERR MULTI calls can not be nested");
    }
    transaction.begin();
    return OK;
  }, { inTransaction: "at-once" }),
  EXEC: command(0, Infinity, exec, { inTransaction: "at-once" }),
  DISCARD: command(0, 0, (_, _db, { transaction }) => {
    if (!transaction.open) throw new CommandError("ERR DISCARD without MULTI");
    transaction.discard();
    return OK;
  }, { inTransaction: "at-once" }),
  WATCH: command(1, Infinity, ([, ...keys], { keyspace }, { transaction }) => {
    if (transaction.open) {
      throw new CommandError("ERR WATCH inside MULTI is not allowed");
    }
    for (const key of keys) transaction.watch(keyspace, key);
    return OK;
  }, { keys: [1, -1, 1], inTransaction: "at-once" }),
  UNWATCH: command(0, 0, (_, _db, { transaction }) => {
    transaction.unwatch();
    return OK;
  }),
};

/** All commands of a transaction, with no other client's between them. */
function exec(args: Command, db: Database, session: Session): Reply {
  const { transaction } = session;
  if (args.length > 1) {
    // Said wrongly, it ends the transaction all the same.
    transaction.discard();
    throw new CommandError(
      "EXECABORT Transaction discarded because of: " +
        wrongCount(args[0]).message.slice("ERR ".length),
    );
  }
  if (!transaction.open) throw new CommandError("ERR EXEC without MULTI");
  const commands = transaction.take(db.keyspace);
  if (commands === "changed") return NOTHING;
  if (commands === "failed") {
    throw new CommandError(
      "EXECABORT Transaction discarded because of previous errors.",
    );
  }
  return commands.map((args) => {
    // A message to many, or a long value that grows: the sum is not known before.
    if (db.work > MAX_WORK_AT_ONCE) {
      return new Failure("ERR the transaction does too much at once");
    }
    db.addWork(1);
    try {
      return execute(find(args[0])!, args, db, session) as Reply;
    } catch (error) {
      return failureOf(error);
    }
  });
}

/** `COMMAND` and what clients ask it for. */
function describe([, verb, ...names]: Command, db: Database): Reply {
  db.addWork(NAMES.length);
  switch (verb?.toUpperCase()) {
    case undefined:
      return NAMES.map(describeOne);
    case "COUNT":
      return NAMES.length;
    case "LIST":
      return NAMES;
    case "INFO":
      return (names.length === 0 ? NAMES : names).map(describeOne);
    case "DOCS":
      return new Pairs([]);
    default:
      throw new CommandError(
        `ERR unknown subcommand '${verb.slice(0, 128)}'. Try COMMAND HELP.`,
      );
  }
}

function describeOne(name: string): Reply {
  const spec = find(name);
  if (spec === undefined) return null;
  const { least, most, keys, writes } = spec;
  const flags = keys[0] > 0 ? [new Status(writes ? "write" : "readonly")] : [];
  const arity = least === most ? least + 1 : -(least + 1);
  return [name.toLowerCase(), arity, flags, ...keys];
}

const SPECS: Record<string, Spec> = {
  ...CONNECTION_COMMANDS,
  ...STRING_COMMANDS,
  ...KEY_COMMANDS,
  ...CHANNEL_COMMANDS,
  ...TRANSACTION_COMMANDS,
  COMMAND: command(0, 1_000, describe),
};
const NAMES = Object.keys(SPECS).map((name) => name.toLowerCase());

const COMMANDS = new Map<string, Spec>();
for (const [name, spec] of Object.entries(SPECS)) {
  COMMANDS.set(name, spec).set(name.toLowerCase(), spec);
}

/** What was looked up last: in a pipeline it is often the next one, too. */
let recent: { name: string; spec: Spec } | undefined;

function find(name: string): Spec | undefined {
  if (recent?.name === name) return recent.spec;
  // Nearly all clients write GET or get: the rest costs a little more.
  const spec = COMMANDS.get(name) ?? COMMANDS.get(name.toUpperCase());
  if (spec !== undefined) recent = { name, spec };
  return spec;
}
