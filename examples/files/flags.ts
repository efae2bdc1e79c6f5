/**
 * What the four programs have in common on their command lines.
 *
 * @module
 */

import type { ConnectOptions } from "@sluice/net";
import {
  ensurePermissions,
  type PermissionPlan,
  permissionsFor,
} from "@sluice/net/permissions";
import {
  connectFlag,
  integerFlag,
  readFlag,
  stop,
  UNSET,
} from "../_command_line.ts";
import { visibleText } from "../_safe_text.ts";
import { Refusal } from "./messages.ts";
import { SharedRate } from "./rate.ts";

/** The flags of every client, with their defaults. */
export const CLIENT_FLAGS = {
  connect: "127.0.0.1:8890",
  ca: UNSET,
  limit: UNSET,
  parallel: "4",
};

/** Their help. */
export const CLIENT_HELP = `
  --connect ADDRESS  where the server is; 127.0.0.1:8890 by default. With TLS it is
                     tls://127.0.0.1:8890
  --ca FILE          an authority to trust beside the usual ones, in PEM form; none by
                     default. ca.pem can be read, another file must be allowed to Deno
  --limit RATE       most bytes a second in all, such as 500K or 10M; no limit by
                     default
  --parallel N       files at once, 1 to 16; 4 by default
  --help             shows this text
`.trimEnd();

/** How a client connects, how many times at once, and what all of them may take. */
export interface ClientOptions {
  connect: ConnectOptions;
  parallel: number;
  rate: SharedRate;
}

/**
 * Reads the flags of a client, and makes sure of its permissions.
 *
 * @param plans What it needs beside the connection.
 */
export async function clientOptions(
  flags: typeof CLIENT_FLAGS,
  ...plans: PermissionPlan[]
): Promise<ClientOptions> {
  const address = connectFlag("connect", flags.connect);
  const limit = rateFlag("limit", flags.limit);
  const parallel = integerFlag("parallel", flags.parallel, {
    least: 1,
    most: 16,
  });
  if (flags.ca !== UNSET && !("tls" in address)) {
    stop("Cannot trust --ca: --connect must begin with tls://", 2);
  }
  await ensurePermissions(
    permissionsFor(address, { action: "connect" }),
    ...plans,
  );
  const tls = flags.ca === UNSET
    ? {}
    : { tls: { caCerts: [await readFlag("ca", flags.ca)] } };
  return {
    parallel,
    rate: new SharedRate(limit),
    connect: {
      ...address,
      ...tls,
      timeoutMs: 10_000,
      writeMs: 30_000,
      idleMs: 120_000,
      retry: { attempts: 5, minDelayMs: 200, maxDelayMs: 2_000 },
    },
  };
}

/** Permissions for paths. */
export function needs(
  verb: string,
  names: ("read" | "write")[],
  paths: string[],
): PermissionPlan {
  return {
    purpose: `${verb} ${paths.join(", ")}`,
    flags: names.map((name) => `--allow-${name}=${paths.join()}`),
    descriptors: names.flatMap((name) => paths.map((path) => ({ name, path }))),
    unstable: [],
  };
}

/** Refuses empty paths: a variable of a script that is not set must not mean everything. */
export function checkPaths(verb: string, paths: readonly string[]): void {
  if (paths.includes("")) {
    stop(`Cannot ${verb}: a path must not be empty, got ""`, 2);
  }
}

/** The bytes a second in a flag; ends the program with exit code 2 if it is no rate. */
export function rateFlag(name: string, value: string): number {
  return value === UNSET ? Infinity : sizeFlag(name, value);
}

/** The bytes in a flag; ends the program with exit code 2 if it is no number of them. */
export function sizeFlag(name: string, value: string): number {
  const [, number, unit] = /^(\d{1,9})([KMGT]?)$/.exec(value) ?? [];
  const bytes = Number(number) *
    { "": 1, K: 1e3, M: 1e6, G: 1e9, T: 1e12 }[unit ?? ""]!;
  if (bytes >= 1) return bytes;
  stop(
    `Cannot run: --${name} must be a number of bytes such as 500K, 10M or 1G, got ${value}`,
    2,
  );
}

/** Why something failed, in a line. */
export function reasonOf(error: unknown): string {
  if (error instanceof Refusal) return error.message;
  if (error instanceof Deno.errors.NotFound) return "there is no such file";
  if (error instanceof Deno.errors.PermissionDenied) return "it is not allowed";
  // What a system says may quote a name.
  return visibleText(error instanceof Error ? error.message : String(error));
}
