/**
 * What a program was asked for, on standard output.
 *
 * Where it cannot be written the program ends, with exit code 1: without a word where the
 * reader wants no more, as `| head -1` does, and with one where the disk is full.
 *
 * @module
 */

import { complain } from "./_log.ts";

const encoder = new TextEncoder();

/** Writes a line, or several. */
export function print(line: string): void {
  writeOutput(encoder.encode(`${line}\n`));
}

/** Writes bytes, all of them. */
export function writeOutput(bytes: Uint8Array): void {
  if (!hasWritten(bytes)) Deno.exit();
}

/** The same for a program that has something to do before it ends: whether they were. */
export function hasWritten(bytes: Uint8Array): boolean {
  try {
    for (let at = 0; at < bytes.length;) {
      at += Deno.stdout.writeSync(bytes.subarray(at));
    }
    return true;
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) {
      complain(`Cannot write to standard output: ${(error as Error).message}`);
    }
    Deno.exitCode = 1;
    return false;
  }
}
