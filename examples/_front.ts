/**
 * What stands in front of a server: balancers that say where a client is, and a certificate
 * that is read again when it was renewed.
 *
 * @module
 */

import type { ProxyProtocolOptions, Server, TlsBindOptions } from "@sluice/net";
import {
  ensurePermissions,
  type PermissionPlan,
} from "@sluice/net/permissions";
import { complain, log } from "./_log.ts";
import { visibleText } from "./_safe_text.ts";
import { whyUnreadable } from "./_unreadable.ts";
import { UNSET } from "./_unset.ts";

/** The flags, with what they are when they are not given. */
export const FRONT_FLAGS = { cert: UNSET, key: UNSET };

/** Flags that may be given several times. */
export const FRONT_LISTS = ["proxy-protocol"] as const;

/** What `--help` says of them. */
export const FRONT_HELP = `
  --proxy-protocol CIDR
                    balancers that are trusted to say where a client is, such as
                    10.0.0.0/8, by the PROXY protocol; clients from elsewhere are
                    turned away. May be given several times.
  --cert, --key     certificate and private key in PEM form, to speak TLS; cert.pem and
                    key.pem can be read, other files must be allowed to Deno. SIGHUP
                    has them read again: connections that are open live on.
`.trimEnd().slice(1);

/** What the flags said; plain data, so that workers can be told. */
export interface FrontSettings {
  /** Files, or {@linkcode UNSET}. */
  readonly cert: string;
  readonly key: string;
  readonly trustedProxies: readonly string[];
}

/** Options of `serve`. */
interface FrontOptions {
  proxyProtocol?: ProxyProtocolOptions;
  tls?: TlsBindOptions;
  handshakeTimeoutMs?: number;
}

/** Ends the program, or throws: a flag was wrong. */
export type Refuse = (message: string) => never;

const throwIt: Refuse = (message) => {
  throw new Error(message);
};

/** What is in front of a server, and starts it. */
export class Front {
  readonly settings: FrontSettings;
  readonly #refuse: Refuse;

  /** Refuses a certificate without its key, and the other way round. */
  constructor(settings: FrontSettings, refuse: Refuse = throwIt) {
    const { cert, key } = settings;
    if ((cert === UNSET) !== (key === UNSET)) {
      refuse("Cannot speak TLS: --cert and --key must be given together");
    }
    this.settings = settings;
    this.#refuse = refuse;
  }

  /** The files that it reads. */
  get files(): string[] {
    const { cert, key } = this.settings;
    return cert === UNSET ? [] : [cert, key];
  }

  /**
   * Starts a server, and refuses what it does not take of the flags.
   *
   * @param listen Starts it, with these options.
   */
  async start(listen: (options: FrontOptions) => Server): Promise<Server> {
    const options: FrontOptions = {};
    const { trustedProxies } = this.settings;
    if (trustedProxies.length > 0) options.proxyProtocol = { trustedProxies };
    const speaksTls = this.files.length > 0;
    if (speaksTls) {
      await ensurePermissions(toRead(this.files));
      options.tls = { ...await this.#read(this.#refuse), renewable: true };
      // A client that is silent in its handshake has a place, too.
      options.handshakeTimeoutMs = 3_000;
    }
    let server: Server;
    try {
      server = listen(options);
    } catch (error) {
      const isFlag = error instanceof TypeError || error instanceof RangeError;
      if (isFlag) this.#refuse(error.message);
      throw error;
    }
    if (speaksTls) this.#renewAtHangup(server);
    return server;
  }

  async #read(refuse: Refuse): Promise<{ cert: string; key: string }> {
    const [cert, key] = await Promise.all(
      this.files.map((path) =>
        Deno.readTextFile(path).catch((error) =>
          refuse(
            visibleText(`Cannot read ${path}: ${whyUnreadable(error, path)}`),
          )
        )
      ),
    );
    return { cert, key };
  }

  #renewAtHangup(server: Server): void {
    const renew = async () => {
      try {
        server.setCertificate(await this.#read(throwIt));
        log("the certificate was read again");
      } catch (error) {
        complain(`${(error as Error).message} (the old certificate stays)`);
      }
    };
    // One after the other: the last files win.
    let renewing = Promise.resolve();
    const onHangup = () => {
      renewing = renewing.then(renew);
    };
    Deno.addSignalListener("SIGHUP", onHangup);
    server.closed.then(() => Deno.removeSignalListener("SIGHUP", onHangup));
  }
}

function toRead(paths: string[]): PermissionPlan {
  return {
    purpose: `read ${paths.join(", ")}`,
    flags: [`--allow-read=${paths.join()}`],
    descriptors: paths.map((path) => ({ name: "read", path })),
    unstable: [],
  };
}
