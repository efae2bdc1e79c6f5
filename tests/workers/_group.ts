/**
 * Groups of workers for tests, whose events can be waited for.
 *
 * @module
 */

import {
  type GroupEvent,
  supervise,
  type SuperviseOptions,
  type WorkerGroup,
} from "@sluice/net/workers";
import { connect } from "@sluice/net";

/** The URL of a worker's module in `fixtures/`. */
export function fixture(name: string): URL {
  return new URL(`fixtures/${name}.ts`, import.meta.url);
}

/** Events as they come, to be waited for in their order. */
export class Events {
  readonly all: GroupEvent[] = [];
  #changed = Promise.withResolvers<void>();

  readonly onEvent = (event: GroupEvent): void => {
    this.all.push(event);
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  };

  /** Those of a kind, so far. */
  of<T extends GroupEvent["type"]>(
    type: T,
  ): Extract<GroupEvent, { type: T }>[] {
    return this.all.filter((event) => event.type === type) as Extract<
      GroupEvent,
      { type: T }
    >[];
  }

  /** Waits until there are `count` of a kind, and gives the last of these. */
  async until<T extends GroupEvent["type"]>(
    type: T,
    count = 1,
  ): Promise<Extract<GroupEvent, { type: T }>> {
    while (this.of(type).length < count) await this.#changed.promise;
    return this.of(type)[count - 1];
  }
}

/** Starts a group of two workers on a free port. */
export async function start(
  name: string,
  options: Partial<SuperviseOptions> = {},
): Promise<{ group: WorkerGroup; events: Events }> {
  const events = new Events();
  const group = await supervise({
    module: fixture(name),
    workers: 2,
    port: 0,
    permissions: ["--allow-net=127.0.0.1"],
    onEvent: events.onEvent,
    ...options,
  });
  return { group, events };
}

/** Sends a line to one of the workers, and gives what it answers. */
export async function ask(
  { addr: { port } }: WorkerGroup,
  line: string,
): Promise<string | null> {
  await using socket = await connect({ port });
  await socket.write(`${line}\n`);
  return await socket.readLine();
}

/** Asks until a worker answers that is not among these. */
export async function askAll(
  group: WorkerGroup,
  line: string,
  count: number,
): Promise<Set<string>> {
  const answers = new Set<string>();
  while (answers.size < count) {
    const answer = await ask(group, line);
    if (answer !== null) answers.add(answer);
  }
  return answers;
}
