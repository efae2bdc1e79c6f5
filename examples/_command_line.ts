/**
 * What every example does with its command line: flags by `@std/cli`, addresses by
 * `parseAddress`, and one line and an exit code for whatever is wrong.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { parseAddress, type ParsedAddress, SocketError } from "@sluice/net";
import { complain } from "./_log.ts";
import { print } from "./_output.ts";
import { visibleText } from "./_safe_text.ts";
import { whyUnreadable } from "./_unreadable.ts";

export { UNSET } from "./_unset.ts";

/** What the command line said. */
export interface CommandLine<
  Name extends string,
  Switch extends string = never,
  List extends string = never,
> {
  /** The value of each flag. */
  flags: Record<Name, string>;
  /** All values of each flag that may be given several times. */
  lists: Record<List, string[]>;
  /** Whether each switch was given. */
  switches: Record<Switch, boolean>;
  /** What stood beside the flags. */
  texts: string[];
}

/** The flags were wrong: nothing was tried. */
const BAD_USAGE = 2;
/** The flags were fine, the network was not. */
const FAILED = 1;

/** What stands below the help of a program that says nothing else of its exit code. */
const EXIT_CODES =
  "Exit code: 0 if all went well, 1 if not, 2 if a flag was wrong.";

/**
 * Reads the flags of an example. `--help` and `-h` print the help and end the program; a
 * flag that it does not know, one without its value, or one with a value that takes none,
 * ends it with exit code 2. What follows a flag that takes a value is its value, also where
 * it is empty or begins with `-`, as temperatures do, but for other flags of the program.
 *
 * @param help What `--help` prints: what the program does, its usage, each flag with its
 * default, and examples. The exit codes are added where it says nothing of them.
 * @param defaults Each flag, with the value it has when it is not given.
 * @param options Whether other texts may stand beside the flags, not by default; flags that
 * have no value; flags that may be given several times, or not at all; names of one letter;
 * and whether all that comes after the first text is text, too.
 */
export function commandLine<
  Name extends string,
  Switch extends string = never,
  List extends string = never,
>(
  help: string,
  defaults: Record<Name, string>,
  {
    texts: mayHaveTexts = false,
    switches: switchNames = [],
    lists: listNames = [],
    letters = {},
    stopEarly = false,
  }: {
    texts?: boolean;
    switches?: readonly Switch[];
    lists?: readonly List[];
    letters?: Readonly<Record<string, NoInfer<Name | Switch | List>>>;
    stopEarly?: boolean;
  } = {},
): CommandLine<Name, Switch, List> {
  const names = Object.keys(defaults) as Name[];
  const known = [...names, ...listNames, ...switchNames, "help"]
    .map((name) => `--${name}`).join(", ");
  const refuse = (arg: string): never =>
    stop(
      `Cannot run: each flag must be one of ${known}, ` +
        `got ${arg || '""'} (--help explains them)`,
      BAD_USAGE,
    );
  const { parsed, rest } = withValues(Deno.args, {
    valued: new Set([...names, ...listNames]),
    switches: new Set(["help", ...switchNames]),
    letters: { h: "help", ...letters },
    stopEarly,
  });
  if (rest.length > 0 && !mayHaveTexts) refuse(rest[0]);
  const args = parseArgs(parsed, {
    // Texts, too: `007` is no number, and no other name for `7`.
    string: [...names, ...listNames, "_"],
    collect: listNames,
    boolean: ["help", ...switchNames],
    default: defaults,
    alias: { h: "help", ...letters },
    unknown: (arg, key) => {
      if (key === undefined && mayHaveTexts) return;
      refuse(arg);
    },
  });
  if (args.help) {
    print(help.trim());
    if (!/^Exit code/m.test(help)) print(`\n${EXIT_CODES}`);
    Deno.exit();
  }
  const given = args as Record<string, unknown>;
  const checkValue = (name: string, value: unknown): string => {
    if (value !== "") return String(value);
    stop(`Cannot run: --${name} must have a value, got none`, BAD_USAGE);
  };
  const flags = {} as Record<Name, string>;
  for (const name of names) flags[name] = checkValue(name, given[name]);
  const lists = {} as Record<List, string[]>;
  for (const name of listNames) {
    const values = given[name] as string[];
    lists[name] = values.map((value) => checkValue(name, value));
  }
  const switches = {} as Record<Switch, boolean>;
  for (const name of switchNames) {
    switches[name] = given[name] === true;
  }
  return { flags, lists, switches, texts: [...args._.map(String), ...rest] };
}

/**
 * Binds values to their flags by `=`: `parseArgs` takes none that is empty or begins with
 * `-`, and leaves out `--` wherever it stands.
 *
 * @returns What is for `parseArgs`, and the texts that are none of its business.
 */
function withValues(
  args: readonly string[],
  { valued, switches, letters, stopEarly }: {
    valued: ReadonlySet<string>;
    switches: ReadonlySet<string>;
    letters: Readonly<Record<string, string>>;
    stopEarly: boolean;
  },
): { parsed: string[]; rest: string[] } {
  /** The flag that an argument names, with a value or without. */
  const flagOf = (arg: string): string | undefined => {
    const [, long, letter] = /^(?:--([^=]+)|-([^\W\d_]))(?:=|$)/s.exec(arg) ??
      [];
    const name = letter === undefined ? long : letters[letter];
    return valued.has(name) || switches.has(name) ? name : undefined;
  };
  const parsed: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i];
    if (arg === "--") return { parsed, rest: args.slice(i + 1) };
    if (stopEarly && !/^-./s.test(arg)) return { parsed, rest: args.slice(i) };
    const name = flagOf(arg);
    const equals = arg.indexOf("=");
    if (name !== undefined && switches.has(name) && equals >= 0) {
      const value = arg.slice(equals + 1) || '""';
      stop(`Cannot run: --${name} must have no value, got ${value}`, BAD_USAGE);
    }
    if (name === undefined || !valued.has(name) || equals >= 0) {
      parsed.push(arg);
      continue;
    }
    const next = args[i + 1];
    const isValue = next !== undefined && next !== "--" &&
      flagOf(next) === undefined;
    parsed.push(`--${name}=${isValue ? next : ""}`);
    if (isValue) i++;
  }
  return { parsed, rest: [] };
}

/** The address in a flag; ends the program with exit code 2 if it is none. */
export function addressFlag(name: string, value: string): ParsedAddress {
  try {
    return parseAddress(value);
  } catch (error) {
    stop(`--${name}: ${(error as Error).message}`, BAD_USAGE);
  }
}

/** Where to connect to: port 0 is no place. */
export function connectFlag(name: string, value: string): ParsedAddress {
  const address = addressFlag(name, value);
  if (!("port" in address) || address.port !== 0) return address;
  stop(
    `Cannot connect: the port of --${name} must be from 1 to 65535, got ${value}`,
    BAD_USAGE,
  );
}

/** Where to listen. Certificates have flags of their own, so `tls://` is refused. */
export function listenFlag(name: string, value: string) {
  const address = addressFlag(name, value);
  if (!("tls" in address)) return address;
  stop(
    `Cannot listen: --${name} must be without tls://, got ${value}`,
    BAD_USAGE,
  );
}

/** The whole number in a flag; ends the program with exit code 2 if it is none. */
export function integerFlag(
  name: string,
  value: string,
  { least, most }: { least: number; most: number },
): number {
  const number = Number(value);
  if (/^\d+$/.test(value) && number >= least && number <= most) return number;
  stop(
    `Cannot run: --${name} must be a whole number from ${least} to ${most}, ` +
      `got ${value}`,
    BAD_USAGE,
  );
}

/** The text of the file in a flag; ends the program where it cannot be read. */
export async function readFlag(name: string, path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    const why = whyUnreadable(error, path);
    const isMissing = error instanceof Deno.errors.NotFound;
    stop(
      visibleText(`Cannot read --${name} ${path}: ${why}`),
      isMissing ? BAD_USAGE : FAILED,
    );
  }
}

/**
 * A certificate or a key in the file in a flag; ends the program where there is none. One
 * that is damaged is refused where it is used: see {@linkcode run}.
 */
export async function pemFlag(
  name: string,
  path: string,
  kind: "CERTIFICATE" | "PRIVATE KEY",
): Promise<string> {
  const text = await readFlag(name, path);
  if (new RegExp(`-----BEGIN (\\w+ )*${kind}-----`).test(text)) return text;
  stop(
    `Cannot use --${name} ${path}: it must have a ${kind} in PEM form`,
    BAD_USAGE,
  );
}

/** What went wrong, in one line, which may quote what the other side sent. */
export function lineOf({ name, message, cause }: SocketError): string {
  // That a limit passed does not say what failed meanwhile.
  const failed = name === "TimeoutError" && cause instanceof SocketError &&
    cause.name !== "TimeoutError";
  return visibleText(failed ? `${message} (${cause.message})` : message);
}

/**
 * Runs an example; what the network did wrong is one line and exit code 1, and a damaged
 * certificate or key one line and exit code 2.
 */
export async function run(main: () => void | Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    if (error instanceof SocketError) stop(lineOf(error), FAILED);
    if (error instanceof TypeError && error.message.includes("in PEM form")) {
      stop(error.message, BAD_USAGE);
    }
    throw error;
  }
}

/** The size of the terminal; 80 by 24 where it does not say, as on a serial line. */
export function terminalSize(): { columns: number; rows: number } {
  const { columns, rows } = Deno.consoleSize();
  return { columns: columns || 80, rows: rows || 24 };
}

/**
 * Ends the program with one line of explanation and exit code 1. What it quotes, such as a
 * file's name, is shown without what a terminal would obey.
 */
export function stop(message: string, code = FAILED): never {
  complain(visibleText(message, Infinity));
  Deno.exit(code);
}
