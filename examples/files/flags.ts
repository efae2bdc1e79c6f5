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
import { addressFlag, integerFlag, stop } from "../_command_line.ts";
import { Refusal } from "./messages.ts";

/** The flags of every client, with their defaults. */
export const CLIENT_FLAGS = {
  connect: "127.0.0.1:8890",
  ca: "none",
  limit: "none",
  parallel: "4",
};

/** Their help. */
export const CLIENT_HELP = `
  --connect ADDRESS  where the server is; 127.0.0.1:8890 by default. With TLS it is
                     tls://127.0.0.1:8890
  --ca FILE          an authority to trust beside the usual ones, in PEM form
  --limit RATE       most bytes a second in all, such as 500K or 10M; no limit by
                     default
  --parallel N       files at once, 1 to 16; 4 by default
  --help             shows this text
`.trimEnd();

/** How a client connects, and how many times at once. */
export interface ClientOptions {
  connect: ConnectOptions;
  parallel: number;
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
  const address = addressFlag("connect", flags.connect);
  const limit = rateFlag("limit", flags.limit);
  const parallel = integerFlag("parallel", flags.parallel, {
    least: 1,
    most: 16,
  });
  if (flags.ca !== "none" && !("tls" in address)) {
    stop("Cannot trust --ca as --connect must begin with tls://", 2);
  }
  await ensurePermissions(
    permissionsFor(address, { action: "connect" }),
    ...plans,
  );
  const tls = flags.ca === "none"
    ? {}
    : { tls: { caCerts: [await fileFlag("ca", flags.ca)] } };
  const rate = Math.max(1, limit / parallel);
  return {
    parallel,
    connect: {
      ...address,
      ...tls,
      timeoutMs: 10_000,
      writeMs: 30_000,
      idleMs: 120_000,
      maxReadBytesPerSecond: rate,
      maxWriteBytesPerSecond: rate,
      retry: { attempts: 5, minDelayMs: 200 },
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

/** The text of the file in a flag; ends the program with exit code 2 if there is none. */
export async function fileFlag(name: string, path: string): Promise<string> {
  await ensurePermissions(needs("read", ["read"], [path]));
  try {
    return await Deno.readTextFile(path);
  } catch {
    stop(`Cannot run as --${name} must be a file: current value is ${path}`, 2);
  }
}

/** The bytes a second in a flag; ends the program with exit code 2 if it is no rate. */
export function rateFlag(name: string, value: string): number {
  if (value === "none") return Infinity;
  const [, number, unit] = /^(\d{1,9})([KMG]?)$/.exec(value) ?? [];
  const rate = Number(number) * { "": 1, K: 1e3, M: 1e6, G: 1e9 }[unit ?? ""]!;
  if (rate >= 1) return rate;
  stop(
    `Cannot run as --${name} must be a number of bytes such as 500K, 10M or 1G: current value is ${value}`,
    2,
  );
}

/** Why something failed, in a line. */
export function reasonOf(error: unknown): string {
  if (error instanceof Refusal) return error.message;
  if (error instanceof Deno.errors.NotFound) return "there is no such file";
  if (error instanceof Deno.errors.PermissionDenied) return "it is not allowed";
  return error instanceof Error ? error.message : String(error);
}
