/**
 * RESP, the language of Redis, as codecs: commands one way, replies the other.
 *
 * @module
 */

import type { Codec } from "@sluice/net";
import {
  type Batch,
  type Command,
  CommandDecoder,
  type CommandOptions,
  writeCommand,
} from "./command.ts";
import { type Protocol, type Reply, writeReply } from "./reply.ts";
import { ReplyDecoder, type ReplyOptions } from "./reply_decoder.ts";

/** Options of {@linkcode resp}. */
export interface RespOptions extends CommandOptions {
  /**
   * In what replies are said. Looked at anew for each.
   *
   * @default {2}
   */
  protocol?: Protocol;
}

/**
 * RESP as a server speaks it.
 *
 * @param options Those of one connection may change while it lasts.
 */
export function resp(options: RespOptions = {}): Codec<Command, Reply> {
  return {
    decoder: () => new CommandDecoder(options),
    encoder: () => ({
      encode: (reply, out) => writeReply(reply, options.protocol ?? 2, out),
    }),
  };
}

/** RESP as a client speaks it: it understands both versions. */
export function respClient(
  options: ReplyOptions = {},
): Codec<Reply, Command | Batch> {
  return {
    decoder: () => new ReplyDecoder(options),
    encoder: () => ({ encode: writeCommand }),
  };
}
