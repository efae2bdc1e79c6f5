/**
 * What the two programs have in common on their command lines.
 *
 * @module
 */

import { SocketError } from "@sluice/net";
import { ensurePermissions, permissionsFor } from "@sluice/net/permissions";
import {
  connectFlag,
  integerFlag,
  readFlag,
  stop,
  UNSET,
} from "../_command_line.ts";
import { complain } from "../_log.ts";
import { visibleText } from "../_safe_text.ts";
import { Client } from "./client.ts";
import { RefusedError } from "./errors.ts";

/** The flags of both, with their defaults. */
export const CLIENT_FLAGS = {
  connect: "127.0.0.1:1883",
  ca: UNSET,
  id: UNSET,
  user: UNSET,
  qos: "0",
  "keep-alive": "60",
};

/** Their letters. */
export const CLIENT_LETTERS = {
  i: "id",
  q: "qos",
  t: "topic",
  u: "user",
} as const;

/** Their help. */
export const CLIENT_HELP = `
  --connect ADDRESS    where the broker is; 127.0.0.1:1883 by default. With TLS it is
                       mqtts://localhost:8883
  --ca FILE            an authority to trust beside the usual ones, in PEM form; none by
                       default. ca.pem can be read, another file must be allowed to
                       Deno
  -i, --id ID          what the broker knows this client by; a random one by default
  -u, --user NAME      the user, none by default; the password is in the variable
                       MQTT_PASSWORD
  -q, --qos N          0, at most once, by default; or 1, at least once
  --keep-alive N       seconds between signs of life, 1 to 65535; 60 by default
  --help               shows this text
`.trimEnd();

const PASSWORD = "MQTT_PASSWORD";

/** The QoS in a flag; ends the program with exit code 2 if it is none. */
export function qosFlag(value: string): 0 | 1 {
  return integerFlag("qos", value, { least: 0, most: 1 }) === 0 ? 0 : 1;
}

/**
 * A client as the flags say. A broker that cannot be reached at first ends the program
 * with exit code 1; once it was there, lost connections are made again.
 *
 * @param clean Whether the broker is to forget the client when it is gone.
 */
export async function startClient(
  flags: typeof CLIENT_FLAGS,
  clean: boolean,
): Promise<Client> {
  const address = brokerFlag(flags.connect);
  const keepAlive = integerFlag("keep-alive", flags["keep-alive"], {
    least: 1,
    most: 65_535,
  });
  if (flags.ca !== UNSET && !("tls" in address)) {
    stop("Cannot trust --ca: --connect must begin with mqtts://", 2);
  }
  await ensurePermissions(permissionsFor(address, { action: "connect" }));
  const tls = flags.ca === UNSET
    ? {}
    : { tls: { caCerts: [await readFlag("ca", flags.ca)] } };
  const user = flags.user === UNSET
    ? {}
    : { username: flags.user, password: passwordOfUser() };
  let wasThere = false;
  try {
    return new Client({
      ...address,
      ...tls,
      ...user,
      ...(flags.id === UNSET ? {} : { clientId: flags.id }),
      clean,
      keepAliveMs: keepAlive * 1_000,
      onEvent(event) {
        if (event.type === "connected") {
          if (wasThere) complain("connected again");
          wasThere = true;
          return;
        }
        const reason = reasonOf(event.error);
        if (!wasThere) stop(reason);
        complain(`not connected: ${reason}`);
      },
    });
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) {
      stop(visibleText(error.message), 2);
    }
    throw error;
  }
}

/** Where the broker is: an address as everywhere, or `mqtt://` and `mqtts://`. */
function brokerFlag(value: string) {
  const [, secure, place] = /^mqtt(s?):\/\/([^/]+)\/?$/.exec(value) ?? [];
  if (place === undefined) return connectFlag("connect", value);
  const port = /:\d+$/.test(place) ? "" : secure === "s" ? ":8883" : ":1883";
  return connectFlag(
    "connect",
    `${secure === "s" ? "tls://" : ""}${place}${port}`,
  );
}

function passwordOfUser(): string {
  const must = `Cannot run: --user must come with the variable ${PASSWORD}`;
  try {
    return Deno.env.get(PASSWORD) ?? stop(`${must} set`, 2);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
    stop(`${must}: run again with --allow-env=${PASSWORD}`);
  }
}

/** Why something failed, in a line; what is no failure of the network is thrown again. */
export function reasonOf(error: unknown): string {
  if (error instanceof SocketError || error instanceof RefusedError) {
    return visibleText(error.message);
  }
  throw error;
}
