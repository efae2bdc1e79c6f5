/**
 * A check at the start of a program that its permissions suffice.
 *
 * @module
 */

import { wrongKind } from "../_check.ts";
import { PermissionError } from "../errors.ts";
import { flagsOf, type PermissionPlan } from "./permission_plan.ts";

/**
 * Throws unless all permissions that the plans need are granted.
 *
 * Never prompts: permissions are only queried. One error names all that are missing,
 * as flags to add to the command line.
 *
 * @param plans Made by `permissionsFor`.
 * @throws {PermissionError} Something is missing; see `flags`.
 * @throws {TypeError} One of them is no plan.
 * @category Permissions
 *
 * @example The first lines of a server
 * ```ts
 * import { ensurePermissions, permissionsFor } from "@sluice/net/permissions";
 * import { serve } from "@sluice/net";
 *
 * const options = { port: 0 };
 * await ensurePermissions(permissionsFor(options, { action: "listen" }));
 * await using server = serve(options, (socket) => socket.write("hello\n"));
 * ```
 */
export async function ensurePermissions(
  ...plans: PermissionPlan[]
): Promise<void> {
  const missing = [];
  const unstable = new Set<string>();
  const purposes = new Set<string>();
  const denied = new Set<string>();
  plans.forEach(checkPlan);
  for (const { purpose, descriptors, unstable: features } of plans) {
    for (const descriptor of descriptors) {
      const { state } = await Deno.permissions.query(descriptor);
      if (state === "granted") continue;
      missing.push(descriptor);
      purposes.add(purpose);
      if (state === "denied") denied.add(`--deny-${descriptor.name}`);
    }
    for (const feature of features) {
      if (isEnabled(feature)) continue;
      unstable.add(feature);
      purposes.add(purpose);
    }
  }
  if (purposes.size === 0) return;

  const flags = [...unstable, ...flagsOf(missing)];
  const without = denied.size === 0 ? "" : ` and without ${[...denied].join()}`;
  throw new PermissionError(
    flags,
    `Cannot ${[...purposes].join(", ")}: run again with ${
      flags.map(quote).join(" ")
    }${without}`,
  );
}

/** Options of `connect`, say, are none: they would be taken for nothing to ask for. */
function checkPlan(plan: PermissionPlan): void {
  const { descriptors, unstable } = Object(plan) as Partial<PermissionPlan>;
  if (Array.isArray(descriptors) && Array.isArray(unstable)) return;
  const must = "what permissionsFor() makes";
  throw wrongKind("ensure permissions", "each plan", must, plan);
}

/** Deno has no query for this, but a function that is not there otherwise. */
function isEnabled(unstable: string): boolean {
  return unstable === "--unstable-net" &&
    typeof Deno.listenDatagram === "function";
}

/** As it must be typed: a shell takes the brackets of `[::1]` for a pattern. */
function quote(flag: string): string {
  return /^[\w@%+=:,./-]+$/.test(flag)
    ? flag
    : `'${flag.replaceAll("'", `'\\''`)}'`;
}
