#!/usr/bin/env -S deno run --allow-net=127.0.0.1,localhost --allow-read=ca.pem --allow-env=MQTT_PASSWORD
/**
 * Prints the messages of an MQTT broker, as `mosquitto_sub` does.
 *
 * @module
 */

import {
  commandLine,
  integerFlag,
  run,
  stop,
  UNSET,
} from "../_command_line.ts";
import { complain } from "../_log.ts";
import { hasWritten } from "../_output.ts";
import { visibleText } from "../_safe_text.ts";
import type { Client } from "./client.ts";
import {
  CLIENT_FLAGS,
  CLIENT_HELP,
  CLIENT_LETTERS,
  qosFlag,
  reasonOf,
  startClient,
} from "./flags.ts";
import type { Message } from "./message.ts";
import { filterFault } from "./topic.ts";

const HELP = `
Prints the messages of an MQTT broker, one a line. Ctrl-C ends it.

Usage: deno task examples mqtt/sub --topic FILTER... [FLAG...]

  -t, --topic FILTER   which topics, such as sensors/+/temperature or sensors/#; required,
                       and may be given several times
  -c, --keep-session   the broker keeps what comes with QoS 1 while this client is away;
                       needs --id
  -C, --count N        ends after so many messages; never by default
  -v, --verbose        prints the topic before each message
  --raw                prints payloads as they are; else what would steer a terminal is
                       written out
${CLIENT_HELP}

Examples:
  deno task examples mqtt/sub -t 'sensors/#' -v
  deno task examples mqtt/sub -t alarms -C 1 -q 1
`;

const { flags, lists, switches } = commandLine(
  HELP,
  { ...CLIENT_FLAGS, count: "never" },
  {
    lists: ["topic"],
    switches: ["keep-session", "verbose", "raw"],
    letters: {
      ...CLIENT_LETTERS,
      c: "keep-session",
      C: "count",
      v: "verbose",
    },
  },
);
const filters = [...new Set(lists.topic)];
if (filters.length === 0) {
  stop("Cannot subscribe: --topic must be given, got none", 2);
}
for (const filter of filters) {
  const fault = filterFault(filter);
  if (fault === undefined) continue;
  const shown = visibleText(filter);
  stop(`Cannot subscribe: --topic must be ${fault}, got ${shown}`, 2);
}
if (switches["keep-session"] && flags.id === UNSET) {
  stop("Cannot keep the session: --id must be given, got none", 2);
}
const qos = qosFlag(flags.qos);
const count = flags.count === "never"
  ? Infinity
  : integerFlag("count", flags.count, { least: 1, most: 1e9 });

const encoder = new TextEncoder();
const decoder = new TextDecoder();

await run(async () => {
  const client = await startClient(flags, !switches["keep-session"]);
  const onInterrupt = () => void client.close();
  Deno.addSignalListener("SIGINT", onInterrupt);
  try {
    await print(client);
  } catch (error) {
    stop(reasonOf(error));
  } finally {
    await client.close();
    Deno.removeSignalListener("SIGINT", onInterrupt);
  }
});

async function print(client: Client): Promise<void> {
  // At once: a broker that has kept the session sends before it is asked for anything.
  const subscription = client.subscribe(filters, { qos });
  let dropped = 0;
  let printed = 0;
  for await (const message of subscription) {
    if (!write(message)) return;
    if (subscription.dropped > dropped) {
      const more = subscription.dropped - dropped;
      complain(`${more} messages dropped: they came too fast`);
      dropped = subscription.dropped;
    }
    if (++printed < count) continue;
    // It was printed, and is not to come again.
    subscription.acknowledge();
    return;
  }
}

/** Prints a message: whether that could be done. */
function write({ topic, payload }: Message): boolean {
  const heading = switches.verbose ? `${visibleText(topic, Infinity)} ` : "";
  const bytes = switches.raw
    ? payload
    : encoder.encode(visibleText(decoder.decode(payload), Infinity));
  return [encoder.encode(heading), bytes, encoder.encode("\n")]
    .every(hasWritten);
}
