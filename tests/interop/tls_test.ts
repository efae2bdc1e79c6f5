import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  connect,
  framed,
  FrameTooLargeError,
  lengthPrefixed,
  serve,
  type Socket,
  TlsError,
  type TlsReason,
} from "@sluice/net";
import {
  type Authority,
  createAuthority,
  type IssueOptions,
} from "../_support/certificates.ts";
import { lacksPrograms } from "../_support/programs.ts";
import { type Running, start } from "../_support/run_program.ts";

const OPENSSL = { ignore: lacksPrograms("openssl"), timeout: 30_000 };
const PYTHON = { ignore: lacksPrograms("python3"), timeout: 30_000 };

const portOf = ({ addr }: { addr: Deno.NetAddr }): number => addr.port;

/** A directory with the certificates of one authority, for programs that want files. */
class Files implements AsyncDisposable {
  readonly dir: string;
  readonly authority: Authority;

  private constructor(dir: string, authority: Authority) {
    this.dir = dir;
    this.authority = authority;
  }

  static async make(options?: IssueOptions): Promise<Files> {
    const files = new Files(await Deno.makeTempDir(), await createAuthority());
    const { cert, key } = await files.authority.issue(options);
    await Deno.writeTextFile(files.path("ca.pem"), files.authority.cert);
    await Deno.writeTextFile(files.path("cert.pem"), cert);
    await Deno.writeTextFile(files.path("key.pem"), key);
    return files;
  }

  path(name: string): string {
    return `${this.dir}/${name}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.dir, { recursive: true });
  }
}

async function shout(socket: Socket): Promise<void> {
  for (;;) {
    const line = await socket.readLine();
    if (line === null) return;
    await socket.write(`${line.toUpperCase()}\n`);
  }
}

/** Starts `openssl s_server`, which sends each line back reversed. */
async function startServer(
  files: Files,
  ...args: string[]
): Promise<{ server: Running; port: number }> {
  const server = start("openssl", [
    "s_server",
    ...["-accept", "127.0.0.1:0"],
    ...["-cert", files.path("cert.pem"), "-key", files.path("key.pem")],
    "-rev",
    ...args,
  ]);
  for (;;) {
    const found = /^ACCEPT .*:(\d+)$/.exec(await server.line());
    if (found !== null) return { server, port: Number(found[1]) };
  }
}

for (const version of ["-tls1_2", "-tls1_3"]) {
  Deno.test(
    `openssl s_client ${version} talks to serve()`,
    OPENSSL,
    async () => {
      await using files = await Files.make();
      const certificate = await files.authority.issue();
      await using server = serve({
        port: 0,
        tls: { ...certificate, alpnProtocols: ["shout"] },
      }, shout);
      await using client = start("openssl", [
        "s_client",
        ...[
          "-connect",
          `127.0.0.1:${portOf(server)}`,
          "-servername",
          "localhost",
        ],
        ...["-CAfile", files.path("ca.pem"), "-verify_return_error"],
        ...["-verify_hostname", "localhost", "-alpn", "shout", version],
      ]);
      // It prints about the session before it takes input.
      let about = "";
      while (!about.includes("ALPN")) about += await client.line();
      assertStringIncludes(about, "ALPN protocol: shout");
      await client.write("hello\n");
      for (;;) if (await client.line() === "HELLO") break;
      const { code } = await client.finish();
      assertEquals(code, 0);
    },
  );

  Deno.test(
    `connect() talks to openssl s_server ${version}`,
    OPENSSL,
    async () => {
      await using files = await Files.make();
      const { server, port } = await startServer(
        files,
        version,
        "-alpn",
        "reverse",
      );
      await using _server = server;
      await using socket = await connect({
        port,
        tls: { caCerts: [files.authority.cert], alpnProtocols: ["reverse"] },
      });
      await socket.write("hello\nwater\n");
      assertEquals(await socket.readLine(), "olleh");
      assertEquals(await socket.readLine(), "retaw");
    },
  );
}

Deno.test(
  "connect() tells what is wrong with the certificate of openssl s_server",
  OPENSSL,
  async () => {
    const wrong: [TlsReason, IssueOptions, trusted?: boolean][] = [
      ["unknown-issuer", {}, false],
      ["wrong-name", { names: ["other.test"] }],
      ["expired", { fromDays: -3, toDays: -2 }],
      ["not-yet-valid", { fromDays: 2, toDays: 3 }],
    ];
    for (const [reason, issue, trusted = true] of wrong) {
      await using files = await Files.make(issue);
      const { server, port } = await startServer(files);
      await using _server = server;
      const tls = { caCerts: trusted ? [files.authority.cert] : [] };
      const error = await assertRejects(() => connect({ port, tls }), TlsError);
      assertEquals(error.reason, reason);
    }
  },
);

Deno.test(
  "connect() tells that it shares no protocol with openssl s_server",
  OPENSSL,
  async () => {
    await using files = await Files.make();
    const { server, port } = await startServer(files, "-alpn", "one");
    await using _server = server;
    const tls = { caCerts: [files.authority.cert], alpnProtocols: ["two"] };
    const error = await assertRejects(() => connect({ port, tls }), TlsError);
    assertEquals(error.reason, "no-protocol");
  },
);

for (const version of ["-tls1_2", "-tls1_3"]) {
  Deno.test(
    `connect() shows openssl s_server ${version} its certificate`,
    OPENSSL,
    async () => {
      await using files = await Files.make();
      const { server, port } = await startServer(
        files,
        ...[
          "-Verify",
          "1",
          "-verify_return_error",
          "-CAfile",
          files.path("ca.pem"),
        ],
        version,
      );
      await using _server = server;
      const caCerts = [files.authority.cert];
      const own = await files.authority.issue({ names: ["client.test"] });
      const socket = await connect({ port, tls: { caCerts, ...own } });
      await socket.write("hello\n");
      assertEquals(await socket.readLine(), "olleh");
      // It serves one client at a time.
      await socket.close();

      // In TLS 1.3 the server judges after the client's handshake is over.
      const error = await assertRejects(async () => {
        await using other = await connect({ port, tls: { caCerts } });
        await other.readLine();
      }, TlsError);
      const expected = version === "-tls1_3" ? "client-certificate" : "alert";
      assertEquals(error.reason, expected, error.message);
    },
  );
}

/** Runs a Python program that has a TLS connection `s` to the port. */
function startPython(
  files: Files,
  port: number,
  body: string,
  version: "TLSv1_2" | "TLSv1_3" = "TLSv1_3",
): Running {
  const program = `
import hashlib, socket, ssl, sys
context = ssl.create_default_context(cafile=${
    JSON.stringify(files.path("ca.pem"))
  })
context.maximum_version = ssl.TLSVersion.${version}
raw = socket.create_connection(("127.0.0.1", ${port}))
s = context.wrap_socket(raw, server_hostname="localhost")
${body}
`;
  return start("python3", ["-c", program]);
}

Deno.test(
  "serve() gets megabytes from Python's ssl, and sends them back",
  PYTHON,
  async () => {
    await using files = await Files.make();
    const tls = await files.authority.issue();
    await using server = serve({ port: 0, tls }, async (socket) => {
      for await (const chunk of socket) await socket.write(chunk);
      await socket.closeWrite();
    });
    await using client = startPython(
      files,
      portOf(server),
      `
import threading
data = bytes(range(256)) * 12000
def send():
    s.sendall(data)
thread = threading.Thread(target=send)
thread.start()
got = b""
while len(got) < len(data):
    got += s.recv(65536)
thread.join()
print(hashlib.sha256(got).hexdigest() == hashlib.sha256(data).hexdigest())
s.unwrap()
`,
    );
    const { code, stdout, stderr } = await client.finish();
    assertEquals([code, stdout], [0, "True\n"], stderr);
  },
);

/** What a handler read until the end, or the error that it got. */
async function outcomeOfServing(
  files: Files,
  body: string,
  version?: "TLSv1_2",
): Promise<{ outcome: unknown; code: number; stderr: string }> {
  const done = Promise.withResolvers<unknown>();
  const tls = await files.authority.issue();
  await using server = serve(
    { port: 0, tls, onError: () => {} },
    async (socket) => {
      try {
        assertEquals(await socket.readLine(), "hello");
        done.resolve(await socket.read());
      } catch (error) {
        done.resolve(error);
      }
    },
  );
  await using client = startPython(files, portOf(server), body, version);
  const outcome = await done.promise;
  return { outcome, ...await client.finish() };
}

Deno.test(
  "serve() sees the close_notify of Python's ssl, and answers it",
  PYTHON,
  async () => {
    await using files = await Files.make();
    const { outcome, code, stderr } = await outcomeOfServing(
      files,
      `
s.sendall(b"hello\\n")
s.unwrap()
`,
    );
    assertEquals(outcome, null);
    // unwrap waits for the other side's close_notify, and fails without it.
    assertEquals(code, 0, stderr);
  },
);

Deno.test(
  "serve() sees that Python's ssl ended without close_notify",
  PYTHON,
  async () => {
    await using files = await Files.make();
    const { outcome } = await outcomeOfServing(
      files,
      `
s.sendall(b"hello\\n")
s.close()
`,
      // In TLS 1.3 it leaves the server's session ticket unread, and thus resets.
      "TLSv1_2",
    );
    assert(outcome instanceof TlsError, Deno.inspect(outcome));
    assertEquals(outcome.reason, "truncated");
  },
);

Deno.test(
  "allowTruncation answers a Python client that ends TCP alone",
  PYTHON,
  async () => {
    await using files = await Files.make();
    const certificate = await files.authority.issue();
    // Deno's own TLS, and `node:tls`.
    for (const dropSilent of [false, true]) {
      for (const allowTruncation of [true, false]) {
        await using server = serve({
          port: 0,
          tls: { ...certificate, dropSilent, allowTruncation },
          onError: () => {},
        }, async (socket) => {
          let bytes = 0;
          for await (const chunk of socket) bytes += chunk.length;
          await socket.write(`${bytes} bytes\n`);
        });
        await using client = startPython(
          files,
          portOf(server),
          // Below TLS: no close_notify.
          `
s.sendall(b"hello")
socket.socket.shutdown(s, socket.SHUT_WR)
try:
    print(s.recv(99).decode(), end="")
except OSError as error:
    print("cut")
`,
        );
        const { stdout } = await client.finish();
        assertEquals(
          allowTruncation ? stdout : stdout.includes("5 bytes"),
          allowTruncation ? "5 bytes\n" : false,
        );
      }
    }
  },
);

Deno.test(
  "a plain client of a TLS server is told that it may be TLS",
  { timeout: 30_000 },
  async () => {
    const tls = await (await createAuthority()).issue();
    await using server = serve({ port: 0, tls, onError: () => {} }, shout);
    await using frames = framed(
      await connect({ port: portOf(server) }),
      lengthPrefixed(),
    );
    await frames.send(new Uint8Array(20));
    const error = await assertRejects(
      () => frames.receive(),
      FrameTooLargeError,
      "(is it TLS that the peer speaks?)",
    );
    assertEquals(error.claimed, 0x15030300);
    // So it is where lengths have other sizes.
    for (const size of [0x1503, 0x1603_01, 0x1503_0300_0202_32n << 8n]) {
      const { message } = new FrameTooLargeError(9, size);
      assert(message.endsWith("(is it TLS that the peer speaks?)"), message);
    }
    // Not of any size that is too large.
    const others = [0x15030500, 0x18030300, 1e9, 2n ** 40n, 0x1503_00000, NaN];
    for (const size of [...others, undefined]) {
      const { message } = new FrameTooLargeError(9, size);
      assert(!message.includes("TLS"), message);
    }
  },
);

const KEYS: Record<string, string[]> = {
  "RSA": ["-newkey", "rsa:2048"],
  "P-384": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
  "Ed25519": ["-newkey", "ed25519"],
};

for (const [kind, newKey] of Object.entries(KEYS)) {
  Deno.test(
    `connect() looks through a chain of openssl's with ${kind} keys`,
    OPENSSL,
    async () => {
      await using files = await Files.make();
      const openssl = async (...args: string[]) => {
        const { success, stderr } = await new Deno.Command("openssl", {
          args,
          cwd: files.dir,
        }).output();
        assert(success, new TextDecoder().decode(stderr));
      };
      const extensions = async (name: string, text: string) => {
        await Deno.writeTextFile(files.path(name), text);
        return ["-extfile", name];
      };
      const common = [...newKey, "-nodes", "-subj"];
      await openssl(
        ...["req", "-x509", ...common, "/CN=Root"],
        ...["-keyout", "root.key", "-out", "root.pem", "-days", "2"],
      );
      const links = [
        ["middle", "root", "basicConstraints=critical,CA:TRUE"],
        ["leaf", "middle", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
      ];
      for (const [name, issuer, text] of links) {
        await openssl(
          ...["req", ...common, `/CN=${name}`],
          ...["-keyout", `${name}.key`, "-out", `${name}.csr`],
        );
        await openssl(
          ...["x509", "-req", "-in", `${name}.csr`, "-out", `${name}.pem`],
          ...["-CA", `${issuer}.pem`, "-CAkey", `${issuer}.key`],
          ...["-CAcreateserial", "-days", "2"],
          ...await extensions(`${name}.ext`, text),
        );
      }
      const read = (name: string) => Deno.readTextFile(files.path(name));
      const [root, middle, leaf] = await Promise.all(
        ["root.pem", "middle.pem", "leaf.pem"].map(read),
      );
      await Deno.writeTextFile(files.path("cert.pem"), leaf + middle);
      await Deno.writeTextFile(files.path("key.pem"), await read("leaf.key"));
      const { server, port } = await startServer(
        files,
        "-cert_chain",
        files.path("middle.pem"),
      );
      await using _server = server;
      const names: (string | undefined)[] = [];
      await using socket = await connect({
        port,
        tls: {
          caCerts: [root],
          verify: ({ commonName }) => void names.push(commonName),
        },
      });
      await socket.write("hello\n");
      assertEquals(await socket.readLine(), "olleh");
      assertEquals(names, ["leaf"]);
    },
  );
}

Deno.test(
  "a private key that openssl makes and Deno cannot use is refused at once",
  OPENSSL,
  async () => {
    const kinds: [kind: string, ...options: string[]][] = [
      ["ec", "ec_paramgen_curve:secp256k1"],
      ["ed448"],
      ["rsa-pss", "rsa_keygen_bits:2048"],
    ];
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    const dir = await Deno.makeTempDir();
    const [certFile, keyFile] = [`${dir}/cert.pem`, `${dir}/key.pem`];
    for (const [kind, ...options] of kinds) {
      const { success, stderr } = await new Deno.Command("openssl", {
        args: [
          ...["req", "-x509", "-nodes", "-subj", "/CN=localhost"],
          ...[
            "-newkey",
            kind,
            ...options.flatMap((each) => ["-pkeyopt", each]),
          ],
          ...["-keyout", keyFile, "-out", certFile],
        ],
        stdin: "null",
      }).output();
      assert(success, new TextDecoder().decode(stderr));
      const cert = await Deno.readTextFile(certFile);
      const key = await Deno.readTextFile(keyFile);
      const calls: (() => unknown)[] = [
        () => connect({ port, tls: { cert, key } }),
        () => connect({ port, tls: { cert, key, verify: () => {} } }),
        () => serve({ port: 0, tls: { cert, key } }, () => {}),
        () =>
          serve(
            { port: 0, tls: { cert, key, clientCaCerts: [cert] } },
            () => {},
          ),
      ];
      for (const call of calls) {
        const error = await assertRejects(async () => await call(), TlsError);
        assertEquals(error.reason, "bad-configuration", kind);
        assertStringIncludes(error.message, "the private key is of a kind");
      }
    }
    await Deno.remove(dir, { recursive: true });
  },
);
