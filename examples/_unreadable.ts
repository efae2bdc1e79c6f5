/**
 * Permission to read a file, and why it cannot be read.
 *
 * @module
 */

import type { PermissionPlan } from "@sluice/net/permissions";

/** What reading `path` takes, for `ensurePermissions`. */
export function permissionToRead(path: string): PermissionPlan {
  return {
    purpose: `read ${path}`,
    flags: [`--allow-read=${path}`],
    descriptors: [{ name: "read", path }],
    unstable: [],
  };
}

/** Why a file cannot be read, for a person who can do something about it. */
export function whyUnreadable(error: unknown, path: string): string {
  if (error instanceof Deno.errors.NotCapable) {
    return `run again with --allow-read=${path}`;
  }
  if (error instanceof Deno.errors.NotFound) return "there is no such file";
  if (error instanceof Deno.errors.PermissionDenied) {
    return "its permissions do not let this user read it";
  }
  if (error instanceof Deno.errors.IsADirectory) return "it is a folder";
  return error instanceof Error ? error.message : String(error);
}
