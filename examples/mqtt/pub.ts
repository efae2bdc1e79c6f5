#!/usr/bin/env -S deno run --allow-net=127.0.0.1,localhost --allow-read=ca.pem --allow-env=MQTT_PASSWORD
/**
 * Publishes messages to an MQTT broker, as `mosquitto_pub` does.
 *
 * @module
 */

import { decodeStream, delimited } from "@sluice/net/codec";
import { commandLine, run, stop, UNSET } from "../_command_line.ts";
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
import { topicFault } from "./topic.ts";

const HELP = `
Publishes messages to an MQTT broker. Ctrl-C ends it when what was read is delivered; a
second one ends it at once.

Usage: deno task examples mqtt/pub --topic TOPIC [--message TEXT] [FLAG...]

  -t, --topic TOPIC    where to, such as sensors/kitchen/temperature; required
  -m, --message TEXT   what; each line of standard input by default
  -n, --null           an empty message, which ends a retained one
  -r, --retain         the broker keeps the message for later subscribers
${CLIENT_HELP}

Examples:
  deno task examples mqtt/pub -t sensors/kitchen/temperature -m 21.5 -q 1
  deno task examples mqtt/pub --connect mqtts://localhost:8883 --ca ca.pem -t logs < lines.txt
`;

const { flags, switches } = commandLine(
  HELP,
  { ...CLIENT_FLAGS, topic: UNSET, message: UNSET },
  {
    switches: ["null", "retain"],
    letters: { ...CLIENT_LETTERS, m: "message", n: "null", r: "retain" },
  },
);
if (flags.topic === UNSET) {
  stop("Cannot publish: --topic must be given, got none", 2);
}
const fault = topicFault(flags.topic);
if (fault !== undefined) {
  const shown = visibleText(flags.topic);
  stop(`Cannot publish: --topic must be ${fault}, got ${shown}`, 2);
}
if (switches.null && flags.message !== UNSET) {
  stop("Cannot publish: --null must be without --message", 2);
}
const options = { qos: qosFlag(flags.qos), retain: switches.retain };

/** Lines of any bytes; the last one may be without its end. */
const LINES = delimited({ delimiter: ["\r\n", "\n"], atEof: "emit" });
/** Messages whose delivery is waited for while more are read. */
const WINDOW = 100;
/** How long those may take after the end of the input, or Ctrl-C. */
const CLOSE_MS = 10_000;

await run(async () => {
  const client = await startClient(flags, true);
  const interrupt = new AbortController();
  Deno.addSignalListener("SIGINT", () => {
    // Without a connection nothing can be delivered, however long it waits.
    if (interrupt.signal.aborted || !client.isConnected) Deno.exit(1);
    interrupt.abort();
  });
  try {
    await client.connected();
    await publish(client, interrupt.signal);
  } catch (error) {
    stop(reasonOf(error));
  } finally {
    await client.close({ timeoutMs: CLOSE_MS });
  }
  // Standard input may still be waited for.
  Deno.exit();
});

async function publish(client: Client, signal: AbortSignal): Promise<void> {
  const window: Promise<void>[] = [];
  for await (const message of messages(signal)) {
    const delivered = client.publish(flags.topic, message, options);
    delivered.catch(() => {}); // It is waited for below.
    window.push(delivered);
    if (window.length > WINDOW) await window.shift();
  }
  await client.close({ timeoutMs: CLOSE_MS });
  await Promise.all(window);
}

async function* messages(
  signal: AbortSignal,
): AsyncGenerator<string | Uint8Array> {
  if (switches.null) yield "";
  else if (flags.message !== UNSET) yield flags.message;
  else {
    try {
      yield* Deno.stdin.readable.pipeThrough(decodeStream(LINES), { signal });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}
