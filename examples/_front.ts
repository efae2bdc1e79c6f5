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
import { stop } from "./_command_line.ts";
import { complain, log } from "./_log.ts";

/** The flags, with what they are when they are not given. */
export const FRONT_FLAGS = { cert: "none", key: "none" };

/** Flags that may be given several times. */
export const FRONT_LISTS = ["proxy-protocol"] as const;

/** What `--help` says of them. */
export const FRONT_HELP = `
  --proxy-protocol CIDR  balancers that are trusted to say where a client is, such as
                    10.0.0.0/8, by the PROXY protocol; clients from elsewhere are
                    turned away. May be given several times.
  --cert, --key     certificate and private key in PEM form, to speak TLS; cert.pem and
                    key.pem can be read, other files must be allowed to Deno. SIGHUP
                    has them read again: connections that are open live on.
`.trimEnd().slice(1);

/** Options of `serve`. */
interface FrontOptions {
  proxyProtocol?: ProxyProtocolOptions;
  tls?: TlsBindOptions;
  handshakeTimeoutMs?: number;
}

/** The flags were wrong: nothing was tried. */
const BAD_USAGE = 2;

/** What is in front of a server, and starts it. */
export class Front {
  readonly #cert: string;
  readonly #key: string;
  readonly #trustedProxies: readonly string[];

  /** Ends the program with exit code 2 where one of a certificate and its key is missing. */
  constructor(
    { cert, key }: typeof FRONT_FLAGS,
    lists: Record<(typeof FRONT_LISTS)[number], string[]>,
  ) {
    if ((cert === "none") !== (key === "none")) {
      stop(
        "Cannot speak TLS: --cert and --key must be given together",
        BAD_USAGE,
      );
    }
    this.#cert = cert;
    this.#key = key;
    this.#trustedProxies = lists["proxy-protocol"];
  }

  get #speaksTls(): boolean {
    return this.#cert !== "none";
  }

  /**
   * Starts a server. What it refuses of the flags is one line, and exit code 2.
   *
   * @param listen Starts it, with these options.
   */
  async start(listen: (options: FrontOptions) => Server): Promise<Server> {
    const options: FrontOptions = {};
    if (this.#trustedProxies.length > 0) {
      options.proxyProtocol = { trustedProxies: this.#trustedProxies };
    }
    if (this.#speaksTls) {
      await ensurePermissions(toRead(this.#cert, this.#key));
      const certificate = await this.#read((message) =>
        stop(message, BAD_USAGE)
      );
      options.tls = { ...certificate, renewable: true };
      // A client that is silent in its handshake has a place, too.
      options.handshakeTimeoutMs = 3_000;
    }
    let server: Server;
    try {
      server = listen(options);
    } catch (error) {
      const isFlag = error instanceof TypeError || error instanceof RangeError;
      if (isFlag) stop(error.message, BAD_USAGE);
      throw error;
    }
    if (this.#speaksTls) this.#renewAtHangup(server);
    return server;
  }

  async #read(
    refuse: (message: string) => never,
  ): Promise<{ cert: string; key: string }> {
    const [cert, key] = await Promise.all(
      [this.#cert, this.#key].map((path) =>
        Deno.readTextFile(path).catch(() =>
          refuse(`Cannot read ${path}: there is no such file`)
        )
      ),
    );
    return { cert, key };
  }

  #renewAtHangup(server: Server): void {
    const renew = async () => {
      try {
        server.setCertificate(
          await this.#read((message) => {
            throw new Error(message);
          }),
        );
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

function toRead(...paths: string[]): PermissionPlan {
  return {
    purpose: `read ${paths.join(", ")}`,
    flags: [`--allow-read=${paths.join()}`],
    descriptors: paths.map((path) => ({ name: "read", path })),
    unstable: [],
  };
}
