/**
 * Disks that are soon full: small file systems in memory, in a namespace of their own.
 *
 * @module
 */

import { findProgram } from "../_support/programs.ts";

/** Whether this user may have a small disk of its own. */
export function canMount(): boolean {
  if (findProgram("unshare") === undefined) return false;
  const { success } = new Deno.Command("unshare", {
    args: ["-rm", "sh", "-c", "mount -t tmpfs -o size=1m tmpfs /mnt"],
    stderr: "null",
  }).outputSync();
  if (!success) console.log("skipping the full disk: it takes a mount");
  return success;
}
