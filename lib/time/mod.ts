/**
 * Timeouts, deadlines, retry: limits on anything asynchronous.
 *
 * @module
 */

export { TimeoutError } from "../errors.ts";
export type { CallOptions } from "./call_limits.ts";
export { Deadline, type DeadlineOptions } from "./deadline.ts";
