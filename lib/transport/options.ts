/**
 * What a Socket runs on, and how one is asked for: every contract and every option of
 * this folder. Types only, so that every other file here may import it.
 *
 * This folder guarantees that every byte stream looks the same from above: TCP,
 * TLS, Unix and memory differ in how they are made, not in how they are used. It
 * refuses to buffer, to retry and to time anything: that is the socket's work.
 * Errors leave a transport as its runtime throws them; `translateError` is the one
 * place that turns them into the errors of this library.
 *
 * It may import `errors.ts`, `addr.ts`, `ip.ts` and what reads PROXY headers; every folder but
 * `bytes/`, `codec/` and `time/` may import it.
 *
 * @module
 */

import type { ProxyHeader, ProxyHeaderInit } from "../proxy_header/header.ts";
import type { Addr } from "../addr.ts";

/**
 * What a Socket runs on: a stream of bytes each way. `Deno.Conn` already is one.
 *
 * One read and one write may be pending at a time, and may overlap each other.
 *
 * @category Transports
 *
 * @example Any `Deno.Conn` will do
 * ```ts
 * import { Socket, type Transport } from "@sluice/net";
 *
 * const adopt = (conn: Deno.Conn): Socket => {
 *   const transport: Transport = conn;
 *   return new Socket(transport);
 * };
 * ```
 */
export interface Transport {
  /**
   * Reads what is there, at least one byte, into `p`; resolves to the count, or to
   * `null` when the peer has ended its side. `p` is borrowed until then.
   */
  read(p: Uint8Array): Promise<number | null>;
  /**
   * Writes a part of `p`, at least one byte; resolves to the count. `p` is borrowed
   * until then.
   */
  write(p: Uint8Array): Promise<number>;
  /** Ends this side: the peer reads what was written, then `null`. */
  closeWrite(): Promise<void>;
  /**
   * Ends both sides now. Pending calls reject. Where the peer has ended its side and
   * all of it was read, the peer still reads what was written.
   */
  close(): void;
  /** This side's address. */
  readonly localAddr: Addr;
  /** The peer's address. */
  readonly remoteAddr: Addr;
  /** Lets the connection keep the process alive, as it does from the start. */
  ref?(): void;
  /** Lets the process end while the connection is open. */
  unref?(): void;
}

/**
 * Who the peer is, by the certificate that it showed and that was checked.
 *
 * @category TLS
 */
export interface PeerCertificate {
  /** The name in its subject, if any. */
  readonly commonName: string | undefined;
  /** The names it is for, such as `"DNS:a.example, IP Address:10.0.0.1"`. */
  readonly subjectAltName: string | undefined;
  /** SHA-256 of the certificate, as hexadecimal bytes with colons. */
  readonly fingerprint256: string;
  /** The whole certificate, DER. */
  readonly der: Uint8Array<ArrayBuffer>;
}

/**
 * A transport that speaks TLS.
 *
 * @category TLS
 */
export interface TlsTransport extends Transport {
  /** The protocol both sides agreed on; `null` for none, or before the handshake. */
  readonly alpnProtocol: string | null;
  /**
   * The peer's certificate, after the handshake, where it was asked for one and TLS
   * runs on `node:tls`; `null` otherwise.
   */
  readonly peerCertificate?: PeerCertificate | null | undefined;
}

/**
 * A connection that came in.
 *
 * @category Servers
 */
export interface AcceptedTransport extends Transport {
  /**
   * Shakes hands, where the transport speaks TLS. Until then nothing can be read or
   * written. A silent client leaves it pending for ever; `close` ends it.
   */
  handshake?(): Promise<unknown>;
  /** The protocol that the handshake agreed on; `null` for none. */
  readonly alpnProtocol?: string | null | undefined;
  /** The client's certificate, where the server checks them; after the handshake. */
  readonly peerCertificate?: PeerCertificate | null | undefined;
  /** What a PROXY header has said of the connection. `remoteAddr` is then the client's. */
  readonly proxy?: ProxyInfo | undefined;
}

/**
 * What a trusted proxy has said of a connection, beside the client's address, which is the
 * socket's `remoteAddr`.
 *
 * @category PROXY protocol
 */
export interface ProxyInfo extends Omit<ProxyHeader, "sourceAddr"> {
  /** The proxy's own address. */
  peerAddr: Addr;
}

/**
 * Where a listener gets its connections from.
 *
 * @category Servers
 */
export interface Acceptor<A extends Addr = Addr> {
  /** Where clients connect to; the port is the real one. */
  readonly addr: A;
  /**
   * Settles when it is known whether the address could be had; `undefined` where it
   * is known at once. Rejects as `accept` then does too.
   */
  readonly ready?: Promise<void> | undefined;
  /**
   * The next connection. One call at a time. Errors are Deno's own: `translateError`
   * tells a client that left (`reset`) and a shortage (`exhausted`), after which
   * accepting goes on, from the rest.
   */
  accept(): Promise<AcceptedTransport>;
  /**
   * Stops listening, as `close` does, where others go on to accept from the same address:
   * a connection that is this side's already is not to be lost. `accept` still gives those,
   * and then rejects as after `close`. Absent where nothing is gained by it.
   */
  stop?(): void;
  /** Stops listening; a pending `accept` rejects. Idempotent. */
  close(): void;
  /** Lets a pending `accept` keep the process alive, as it does from the start. */
  ref?(): void;
  /** Lets the process end while an `accept` is pending. */
  unref?(): void;
  /** Another certificate for handshakes from now on, where it speaks TLS and can. */
  setCertificate?(certificate: NewCertificate): void;
}

/**
 * What a server that runs is given in place of its certificate.
 *
 * @category TLS
 */
export interface NewCertificate extends ServerCertificate {
  /** Authorities of clients, in PEM form, where these are asked for certificates. */
  clientCaCerts?: readonly string[] | undefined;
}

/**
 * What is asked of a peer's certificate beside a chain that can be trusted.
 *
 * @category TLS
 */
export interface PeerCheckOptions {
  /**
   * Called with the certificate of the peer, once its chain was checked and before
   * any byte goes in or out. What it throws, or rejects with, ends the handshake: the
   * call fails with a `TlsError` of which it is the cause. So do `false` and an `Error`
   * that it returns.
   */
  verify?: ((peer: PeerCertificate) => void | Promise<void>) | undefined;
  /**
   * SHA-256 of the certificate that the peer must have, as hexadecimal digits with or
   * without colons; of several, one. Asked beside the check of the chain, before
   * `verify`.
   */
  pinnedFingerprint256?: string | readonly string[] | undefined;
  /**
   * Takes the end of the connection for the end of the stream where the peer left out
   * TLS's own (`close_notify`), as careless peers do, and lets this side still answer.
   * An attacker who can cut the connection can then pass off a part of a message as all
   * of it: only for protocols whose messages say how long they are.
   *
   * @default {false}
   */
  allowTruncation?: boolean | undefined;
}

/**
 * How a client speaks TLS.
 *
 * Deno's own TLS is used for plain TCP. Over anything else (Unix sockets, memory, TLS
 * itself), and wherever `verify`, `pinnedFingerprint256` or a certificate of this side
 * beside a `serverName` are asked for, `node:tls` is: Deno's own neither runs there nor
 * shows the peer's certificate. It takes two to three times the CPU time.
 *
 * @category TLS
 */
export interface TlsDialOptions extends PeerCheckOptions {
  /**
   * Certificates of authorities to trust beside the usual ones, in PEM form. None by
   * default.
   */
  caCerts?: readonly string[] | undefined;
  /** Protocols to offer (ALPN), the best one first; of 1 to 255 bytes each. None by default. */
  alpnProtocols?: readonly string[] | undefined;
  /**
   * The name the certificate must be for, which is also sent as SNI. The host that is
   * connected to by default, and `"localhost"` where there is no host.
   */
  serverName?: string | undefined;
  /**
   * This side's certificate, in PEM form, for servers that ask for one. Without
   * `serverName` Deno's own TLS is used, which then cannot set `noDelay`.
   */
  cert?: string | undefined;
  /** The private key of `cert`, in PEM form. */
  key?: string | undefined;
  /**
   * Accepts any certificate: its signature, its dates and its name are not
   * checked. Only beside `pinnedFingerprint256` or `verify`, which then are all that tells
   * the peer from an attacker.
   *
   * @default {false}
   */
  dangerouslySkipChainCheck?: boolean | undefined;
}

/**
 * A certificate of a server.
 *
 * @category TLS
 */
export interface ServerCertificate {
  /** The server's certificate, then those that lead to its authority, in PEM form. */
  cert: string;
  /** The private key of `cert`, in PEM form. */
  key: string;
}

/**
 * What a client says before its handshake.
 *
 * @category TLS
 */
export interface ClientHello {
  /** The host that it wants (SNI); `undefined` where it names none. */
  serverName: string | undefined;
}

/**
 * Chooses the certificate for a client; `undefined` for that of `cert`. The time that it
 * takes counts as the handshake's (`handshakeTimeoutMs`), and it is asked for each handshake:
 * keep what is costly to make. What it throws, or rejects with, ends that handshake alone,
 * and is the `cause` of its `TlsError`.
 *
 * @category TLS
 */
export type ResolveCertificate = (
  hello: ClientHello,
) =>
  | ServerCertificate
  | undefined
  | Promise<ServerCertificate | undefined>;

/**
 * How a server speaks TLS: with one certificate, or one for each name, or both.
 *
 * @category TLS
 */
export type TlsBindOptions =
  & TlsServerOptions
  & (
    | ServerCertificate & {
      /**
       * Chooses a certificate by the name that the client wants. What it throws, or rejects
       * with, ends the handshake. TLS then runs on `node:tls`. None by default.
       */
      resolveCertificate?: ResolveCertificate | undefined;
    }
    | {
      /** Chooses the certificate of each client; one for which there is none is refused. */
      resolveCertificate: ResolveCertificate;
      /** Absent: there is none that fits all. */
      cert?: undefined;
      /** Absent: as `cert`. */
      key?: undefined;
    }
  );

/**
 * How a server speaks TLS, beside its certificate.
 *
 * @category TLS
 */
export interface TlsServerOptions extends PeerCheckOptions {
  /**
   * Lets `server.setCertificate` change the certificate while the server runs. TLS then
   * runs on `node:tls`: Deno's own keeps the one that it began with.
   *
   * @default {false}
   */
  renewable?: boolean | undefined;
  /**
   * Whether a client must show a certificate where there are `clientCaCerts`, or may. One
   * that is shown must be good; `peerCertificate` is `null` for a client without one.
   *
   * @default {"require"}
   */
  clientCertificate?: "require" | "request" | undefined;
  /** Protocols to agree to (ALPN), the best one first; of 1 to 255 bytes each. None by default. */
  alpnProtocols?: readonly string[] | undefined;
  /**
   * Authorities, in PEM form, one of which must have signed the certificate of every
   * client: the handshake fails for all others. By default no client is asked for one.
   * `verify` and `pinnedFingerprint256` take it.
   */
  clientCaCerts?: readonly string[] | undefined;
  /**
   * Lets go of clients that are closed before their handshake is over. Deno (2.9) keeps
   * the descriptor of such a client for as long as it stays silent, whatever
   * `handshakeTimeoutMs` and limits say: a client that opens enough connections holds them
   * all. With `true`, with `clientCaCerts` or `noDelay: true`, and over anything but
   * TCP, TLS runs on `node:tls`, which takes two to three times the CPU time, switches
   * Nagle off, and does not tell a client why its handshake failed.
   *
   * @default {false}
   */
  dropSilent?: boolean | undefined;
}

/**
 * Where to connect to over TCP or TLS.
 *
 * @category Sockets
 */
export interface TcpDialOptions {
  /**
   * Name or address of the host. An IPv6 address may be in brackets.
   *
   * @default {"127.0.0.1"}
   */
  hostname?: string | undefined;
  /** Port of the host, from 1 to 65535. */
  port: number;
  /** As addresses have it, so that `connect(server.addr)` works: only `"tcp"` can be meant. */
  transport?: Deno.NetAddr["transport"] | undefined;
  /**
   * Sends small writes at once (no Nagle).
   *
   * @default {true}
   */
  noDelay?: boolean | undefined;
  /**
   * Lets the system ask a silent peer now and then whether it is still there; on Linux
   * it begins to after two hours of silence, unless told otherwise.
   *
   * @default {false}
   */
  keepAlive?: boolean | undefined;
  /**
   * Speaks TLS: `true`, or how.
   *
   * @default {false}
   */
  tls?: boolean | TlsDialOptions | undefined;
  /**
   * A PROXY header that is sent before anything else, TLS included: for programs that
   * connect on behalf of a client, and say where it is. None by default.
   */
  proxyProtocol?: ProxyHeaderInit | undefined;
  /** Absent: a path has no host. */
  path?: undefined;
  /** Absent: see `DialerOptions`. */
  dialer?: undefined;
  /** Absent: see `HostsDialOptions`. */
  hosts?: undefined;
  /** Absent: it is about several hosts. */
  order?: undefined;
  /** Absent: it is about several hosts. */
  hostDelayMs?: undefined;
}

/**
 * Where to connect to over a Unix socket.
 *
 * @category Sockets
 */
export interface UnixDialOptions {
  /**
   * Path of the socket, of at most 107 bytes (103 but on Linux). On Linux `"\0name"` is
   * a name without a file (abstract).
   */
  path: string;
  /** As addresses have it, so that `connect(server.addr)` works: only `"unix"` can be meant. */
  transport?: Deno.UnixAddr["transport"] | undefined;
  /**
   * Speaks TLS: `true`, or how. The certificate must be for `"localhost"` where there is
   * no `serverName`.
   *
   * @default {false}
   */
  tls?: boolean | TlsDialOptions | undefined;
  /**
   * A PROXY header that is sent before anything else, TLS included: for programs that
   * connect on behalf of a client, and say where it is. None by default.
   */
  proxyProtocol?: ProxyHeaderInit | undefined;
  /** Absent: a host has no path. */
  hostname?: undefined;
  /** Absent: a Unix socket has no port. */
  port?: undefined;
  /** Absent: it is about TCP. */
  noDelay?: undefined;
  /** Absent: it is about TCP. */
  keepAlive?: undefined;
  /** Absent: see `DialerOptions`. */
  dialer?: undefined;
  /** Absent: see `HostsDialOptions`. */
  hosts?: undefined;
  /** Absent: it is about several hosts. */
  order?: undefined;
  /** Absent: it is about several hosts. */
  hostDelayMs?: undefined;
}

/**
 * The host and port that `connect` was given, for a {@linkcode Dialer}.
 *
 * @category Sockets
 */
export interface DialTarget {
  /** Name or address of the host, without brackets; `undefined` where none was given. */
  readonly hostname: string | undefined;
  /** Its port; `undefined` where none was given. */
  readonly port: number | undefined;
}

/**
 * What `dial` gets beside its target.
 *
 * @category Sockets
 */
export interface DialContext {
  /** Gives up, in whatever phase, and leaves nothing behind. */
  signal?: AbortSignal | undefined;
}

/**
 * Makes connections over something of your own: a proxy, a tunnel, a pair in memory.
 *
 * @category Sockets
 */
export interface Dialer {
  /** What is dialled, for messages where `connect` was given no host and port. */
  readonly addr: Addr;
  /**
   * Makes a connection to `target`, or to the one peer that it knows. When the signal
   * aborts it must reject soon and leave nothing behind; a connection that comes later
   * is closed. Errors of the runtime are translated, others are passed on.
   */
  dial(target: DialTarget, context: DialContext): Promise<Transport>;
}

/**
 * Connecting over something of your own.
 *
 * @category Sockets
 */
export interface DialerOptions {
  /** Makes the connection. */
  dialer: Dialer;
  /** Name or address of the host, for the dialer; TLS checks the certificate against it. */
  hostname?: string | undefined;
  /** Port of the host, for the dialer. */
  port?: number | undefined;
  /**
   * Speaks TLS over what the dialer makes: `true`, or how. The certificate must be for
   * `serverName`, or else `hostname`, or else `"localhost"`.
   *
   * @default {false}
   */
  tls?: boolean | TlsDialOptions | undefined;
  /**
   * A PROXY header that is sent before anything else, TLS included: for programs that
   * connect on behalf of a client, and say where it is. None by default.
   */
  proxyProtocol?: ProxyHeaderInit | undefined;
  /** Absent: a path is for Unix sockets. */
  path?: undefined;
  /** Absent: it is about TCP. */
  noDelay?: undefined;
  /** Absent: it is about TCP. */
  keepAlive?: undefined;
  /** Absent: see `HostsDialOptions`. */
  hosts?: undefined;
  /** Absent: it is about several hosts. */
  order?: undefined;
  /** Absent: it is about several hosts. */
  hostDelayMs?: undefined;
}

/**
 * One of several hosts: an address of a server will do.
 *
 * @category Sockets
 */
export interface DialHost {
  /**
   * Name or address of the host. An IPv6 address may be in brackets.
   *
   * @default {"127.0.0.1"}
   */
  hostname?: string | undefined;
  /** Its port, from 1 to 65535. */
  port: number;
  /** As addresses have it: only `"tcp"` can be meant. */
  transport?: Deno.NetAddr["transport"] | undefined;
}

/**
 * Where to connect to, where any one of several hosts will do.
 *
 * @category Sockets
 *
 * @example
 * ```ts
 * import { connect, type HostsDialOptions, serve } from "@sluice/net";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = serve({ port: 0 }, (socket) => socket.write("welcome\n"));
 * const options: HostsDialOptions = {
 *   hosts: [{ hostname: "127.0.0.1", port: server.addr.port }, server.addr],
 *   order: "given",
 * };
 * await using socket = await connect(options);
 * assertEquals(await socket.readLine(), "welcome");
 * ```
 */
export interface HostsDialOptions {
  /** The hosts, of which there must be one. */
  hosts: readonly DialHost[];
  /**
   * In which order they are tried. A client that always begins with the first one, or
   * that stays with the last good one, does not come back after a failover; where all
   * clients do, one server has them all.
   *
   * @default {"random"}
   */
  order?: "random" | "given" | undefined;
  /**
   * How long one host is given before the next one is tried beside it, in milliseconds, at
   * least 0; less where the time limit would not leave as much to each of them. A host
   * that fails is given no more. 250 is what Happy Eyeballs (RFC 8305) recommends.
   * `Infinity` leaves it at the share of the time limit.
   *
   * @default {250}
   */
  hostDelayMs?: number | undefined;
  /** Makes the connections, to one host at a time. */
  dialer?: Dialer | undefined;
  /**
   * Sends small writes at once (no Nagle). Absent beside `dialer`.
   *
   * @default {true}
   */
  noDelay?: boolean | undefined;
  /**
   * As {@linkcode TcpDialOptions.keepAlive}. Absent beside `dialer`.
   *
   * @default {false}
   */
  keepAlive?: boolean | undefined;
  /**
   * Speaks TLS: `true`, or how. The certificate must be for `serverName`, or else the
   * `hostname` of the host.
   *
   * @default {false}
   */
  tls?: boolean | TlsDialOptions | undefined;
  /** As {@linkcode TcpDialOptions.proxyProtocol}. None by default. */
  proxyProtocol?: ProxyHeaderInit | undefined;
  /** Absent: see `hosts`. */
  hostname?: undefined;
  /** Absent: see `hosts`. */
  port?: undefined;
  /** Absent: see `hosts`. */
  path?: undefined;
  /** Absent: see `hosts`. */
  transport?: undefined;
}

/**
 * Where to connect to.
 *
 * @category Sockets
 */
export type DialOptions = TcpDialOptions | UnixDialOptions | DialerOptions;

/**
 * Where to listen for TCP or TLS.
 *
 * @category Servers
 */
export interface TcpBindOptions {
  /**
   * Address to listen on: `"0.0.0.0"` or `"::"` for all interfaces. An IPv6 address may
   * be in brackets.
   *
   * @default {"127.0.0.1"}
   */
  hostname?: string | undefined;
  /** Port to listen on; 0 for one that is free. */
  port: number;
  /**
   * Most connections that the system keeps until they are accepted, from 1 to 65,535;
   * further clients try again, and again, for a minute or two. The system has a limit of
   * its own (`net.core.somaxconn` on Linux, 4,096).
   *
   * @default {511}
   */
  backlog?: number | undefined;
  /**
   * Shares the port with other processes and workers that set it, too (`SO_REUSEPORT`): the
   * system spreads connections over them. Each has a backlog of its own, and a listener
   * that is closed resets what waits there: to replace a server without losing a connection,
   * see {@linkcode DescriptorBindOptions.listenFd}. Linux alone has it, and Deno wants to be
   * started with `--unstable-net`.
   *
   * @default {false}
   */
  reusePort?: boolean | undefined;
  /** As addresses have it: only `"tcp"` can be meant. */
  transport?: Deno.NetAddr["transport"] | undefined;
  /**
   * Sends small writes at once (no Nagle). Deno's own TLS cannot: there, what follows a
   * write that the client has yet to confirm waits up to 40 ms, as do messages of more
   * than 16 KiB. An explicit `true` runs TLS on `node:tls`, which takes two to three
   * times the CPU time.
   *
   * @default {true, but for TLS}
   */
  noDelay?: boolean | undefined;
  /**
   * Lets the system ask a silent client now and then whether it is still there; on
   * Linux it begins to after two hours of silence, unless told otherwise. With TLS it
   * takes `node:tls`, as `noDelay` does.
   *
   * @default {false}
   */
  keepAlive?: boolean | undefined;
  /** Speaks TLS, with this certificate. Plain text by default. */
  tls?: TlsBindOptions | undefined;
  /** Absent: a path has no host. */
  path?: undefined;
  /** Absent: it is about the file of a Unix socket. */
  mode?: undefined;
  /** Absent: see `DescriptorBindOptions`. */
  listenFd?: undefined;
  /** Absent: see `AcceptorOptions`. */
  acceptor?: undefined;
}

/**
 * Where to listen on a Unix socket.
 *
 * @category Servers
 */
export interface UnixBindOptions {
  /**
   * Path of the socket, of at most 107 bytes (103 but on Linux). A socket file there
   * that nothing listens on any more is replaced; nothing else is. On Linux `"\0name"`
   * is a name without a file (abstract), which any process of the machine may connect
   * to.
   */
  path: string;
  /** As addresses have it: only `"unix"` can be meant. */
  transport?: Deno.UnixAddr["transport"] | undefined;
  /**
   * Who may connect, for instance `0o660`. By default what the umask says. It is set right
   * after the socket was made: clients that connected before, as the umask let them, are dropped.
   */
  mode?: number | undefined;
  /** Speaks TLS, with this certificate, on `node:tls`. Plain text by default. */
  tls?: TlsBindOptions | undefined;
  /** Absent: a host has no path. */
  hostname?: undefined;
  /** Absent: a Unix socket has no port. */
  port?: undefined;
  /** Absent: it is about TCP. */
  noDelay?: undefined;
  /** Absent: it is about TCP. */
  backlog?: undefined;
  /** Absent: it is about TCP. */
  keepAlive?: undefined;
  /** Absent: it is about TCP. */
  reusePort?: undefined;
  /** Absent: see `DescriptorBindOptions`. */
  listenFd?: undefined;
  /** Absent: see `AcceptorOptions`. */
  acceptor?: undefined;
}

/**
 * Listening on a socket that another process has opened: systemd (socket activation), a
 * supervisor, a launcher. It lives on when this process ends, and connections wait in it
 * until the next one accepts them: so a server is replaced without losing any.
 *
 * @category Servers
 *
 * @example A unit of systemd with `ListenStream=127.0.0.1:8888` and `FileDescriptorName=echo`
 * ```ts ignore
 * import { serve } from "@sluice/net";
 *
 * serve({ listenFd: "echo", drainOnSignals: true }, (socket) => socket.readable.pipeTo(socket.writable));
 * ```
 */
export interface DescriptorBindOptions {
  /**
   * The descriptor of a socket that listens, over TCP or as a Unix socket: its number (the
   * first one that systemd passes is 3), or the name that it has in `LISTEN_FDNAMES`. A name
   * is looked up in what systemd says by `LISTEN_FDS`, `LISTEN_PID` and `LISTEN_FDNAMES`,
   * which takes `--allow-env` for these three; a number takes no permission at all. The
   * descriptor belongs to the listener from now on.
   *
   * Connections are those of `node:net`, as Deno has nothing else for this. They are accepted
   * as they come: what the server is not ready for waits in the process, up to 1,024
   * connections, and more than that are closed. On a Unix socket, Deno (2.9) never accepts
   * again once descriptors have run out: let the limit be well above `maxConnections`.
   */
  listenFd: number | string;
  /**
   * Sends small writes at once (no Nagle), on TCP.
   *
   * @default {true}
   */
  noDelay?: boolean | undefined;
  /**
   * As {@linkcode TcpBindOptions.keepAlive}, on TCP.
   *
   * @default {false}
   */
  keepAlive?: boolean | undefined;
  /** Speaks TLS, with this certificate, on `node:tls`. Plain text by default. */
  tls?: TlsBindOptions | undefined;
  /** Absent: the socket has its address. */
  hostname?: undefined;
  /** Absent: the socket has its address. */
  port?: undefined;
  /** Absent: the socket has its address. */
  path?: undefined;
  /** Absent: the socket has its address. */
  transport?: undefined;
  /** Absent: the process that made the socket has set it. */
  mode?: undefined;
  /** Absent: the process that made the socket has set it. */
  backlog?: undefined;
  /** Absent: the process that made the socket has set it. */
  reusePort?: undefined;
  /** Absent: see `AcceptorOptions`. */
  acceptor?: undefined;
}

/**
 * Listening on something of your own: see `Acceptor`.
 *
 * @category Servers
 */
export interface AcceptorOptions<A extends Addr = Addr> {
  /** Yields the connections, and belongs to the listener from now on. */
  acceptor: Acceptor<A>;
  /** Speaks TLS over what it yields, with this certificate, on `node:tls`. Plain text by default. */
  tls?: TlsBindOptions | undefined;
  /** Absent: the acceptor listens already. */
  hostname?: undefined;
  /** Absent: the acceptor listens already. */
  port?: undefined;
  /** Absent: the acceptor listens already. */
  path?: undefined;
  /** Absent: it is about the file of a Unix socket. */
  mode?: undefined;
  /** Absent: it is about TCP. */
  noDelay?: undefined;
  /** Absent: it is about TCP. */
  backlog?: undefined;
  /** Absent: it is about TCP. */
  keepAlive?: undefined;
  /** Absent: it is about TCP. */
  reusePort?: undefined;
  /** Absent: the acceptor listens already. */
  listenFd?: undefined;
}

/**
 * Where to listen.
 *
 * @category Servers
 */
export type BindOptions =
  | TcpBindOptions
  | UnixBindOptions
  | DescriptorBindOptions
  | AcceptorOptions;

/**
 * The address that listening with these options comes to.
 *
 * @category Servers
 */
export type BoundAddr<Options extends BindOptions> = Options extends
  { acceptor: Acceptor<infer A> } ? A
  : Options extends { path: string } ? Deno.UnixAddr
  : Options extends { port: number } ? Deno.NetAddr
  : Options extends { listenFd: number | string } ? Deno.NetAddr | Deno.UnixAddr
  : Addr;
