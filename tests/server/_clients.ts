import { connect } from "../../lib/socket/connect.ts";
import type { Socket } from "../../lib/socket/socket.ts";
import { connectRudely } from "../_support/rude_client.ts";

/** Connects to a server or a listener. */
export function dial({ addr }: { addr: Deno.NetAddr }): Promise<Socket> {
  return connect({ port: addr.port, timeoutMs: 10_000 });
}

/** Resolves when `condition` holds, which is looked at once a turn of the event loop. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Connects so many times and resets at once, as a port scanner does. */
export async function resetAtOnce(port: number, times: number): Promise<void> {
  for (let i = 0; i < times; i++) await (await connectRudely(port)).reset();
}

/** Puts something else in the place of `console.error` and gives what it was told last. */
export function captureErrors(): { errors: unknown[] } & Disposable {
  const errors: unknown[] = [];
  const { error } = console;
  console.error = (...args: unknown[]) => void errors.push(args.at(-1));
  return {
    errors,
    [Symbol.dispose]() {
      console.error = error;
    },
  };
}
