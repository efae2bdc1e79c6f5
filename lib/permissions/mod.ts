/**
 * The permission planner: the narrowest flags for what a program is going to do,
 * and an error that names those which are missing.
 *
 * @module
 */

export { ensurePermissions } from "./ensure_permissions.ts";
export {
  type DatagramPermissionsOptions,
  permissionsForDatagrams,
  type PlannableDatagramOptions,
} from "./datagram_plan.ts";
export {
  type PermissionPlan,
  permissionsFor,
  type PermissionsForOptions,
  type PlannableDialer,
  type PlannableOptions,
  type PlannedAction,
  type PlannedDescriptor,
} from "./permission_plan.ts";

// The error, and what its fields are made of.
export type { Addr, MemoryAddr, StreamAddr } from "../addr.ts";
export {
  PermissionError,
  SocketError,
  type SocketErrorCode,
  type SocketErrorOptions,
} from "../errors.ts";
