/**
 * Commands about publish and subscribe.
 *
 * @module
 */

import { MAX_CHANNELS, TooManyChannelsError } from "./channels.ts";
import { CommandError } from "./command_error.ts";
import { Failure, Push, type Reply, Several } from "./reply.ts";
import { command, type Spec, type Traits } from "./spec.ts";

const LISTENING: Traits = { whileSubscribed: true, inTransaction: "refused" };

/** By name, in capitals. */
export const CHANNEL_COMMANDS: Record<string, Spec> = {
  PUBLISH: command(2, 2, ([, channel, message], db) => {
    const count = db.channels.publish(channel, message);
    db.addWork(count);
    return count;
  }),
  SUBSCRIBE: command(1, 1_000, ([, ...names], { channels }, session) => {
    const replies: Reply[] = [];
    for (const name of names) {
      try {
        channels.subscribe(session, name);
      } catch (error) {
        if (!(error instanceof TooManyChannelsError)) throw error;
        // What came before it was done.
        replies.push(
          new Failure(
            `ERR a client may subscribe to at most ${MAX_CHANNELS} channels`,
          ),
        );
        break;
      }
      replies.push(new Push(["subscribe", name, session.channels.size]));
    }
    return new Several(replies);
  }, LISTENING),
  UNSUBSCRIBE: command(0, 1_000, ([, ...names], { channels }, session) => {
    if (names.length === 0) names = [...session.channels];
    if (names.length === 0) return new Push(["unsubscribe", null, 0]);
    return new Several(names.map((name) => {
      channels.unsubscribe(session, name);
      return new Push(["unsubscribe", name, session.channels.size]);
    }));
  }, LISTENING),
};

/** That a client listens to channels in RESP 2, where little else may be said. */
export function whileSubscribedError(name: string): CommandError {
  return new CommandError(
    `ERR Can't execute '${name.toLowerCase()}': only (P|S)SUBSCRIBE / ` +
      "(P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
  );
}
