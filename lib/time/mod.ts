/**
 * Timeouts, deadlines, retry: limits on anything asynchronous, with or without a
 * socket. Needs no permission.
 *
 * @module
 */

export type { CallOptions } from "./call_limits.ts";
export { Deadline, type DeadlineOptions } from "./deadline.ts";
export { interval } from "./interval.ts";
export {
  retry,
  type RetryContext,
  type RetryEvent,
  type RetryOptions,
} from "./retry.ts";
export {
  type RetryBudget,
  retryBudget,
  type RetryBudgetOptions,
} from "./retry_budget.ts";
export { sleep } from "./sleep.ts";
export { withTimeout } from "./with_timeout.ts";

// The error, and what its fields are made of.
export type { Addr, MemoryAddr, StreamAddr } from "../addr.ts";
export {
  SocketError,
  type SocketErrorCode,
  type SocketErrorOptions,
  TimeoutError,
} from "../errors.ts";
