import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { once } from "node:events";
import nodemailer, { type TransportConfig } from "npm:nodemailer@10.6.1";
import { SMTPServer } from "npm:smtp-server@3.21.6";
import { connect, serve, type Socket } from "@sluice/net";
import { toDuplex } from "@sluice/net/adapters";
import { createAuthority } from "../_support/certificates.ts";

const TIMEOUT = { timeout: 30_000 };

/** A transporter of nodemailer whose connections are sockets of ours. */
function transporterOver(
  open: () => Promise<Socket>,
  options: Partial<TransportConfig> = {},
) {
  return nodemailer.createTransport({
    getSocket(_options, callback) {
      open().then(
        (socket) => callback(null, { connection: toDuplex(socket) }),
        (error) => callback(error),
      );
    },
    ...options,
  });
}

/** A server of smtp-server, and the mails that it got. */
async function startMailServer(options: object = {}) {
  const mails: string[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["AUTH"],
    disableReverseLookup: true,
    logger: false,
    onData(
      stream: AsyncIterable<Uint8Array>,
      _session: unknown,
      callback: (error?: Error) => void,
    ) {
      Array.fromAsync(stream).then(async (chunks) => {
        const mail = new Blob(chunks as Uint8Array<ArrayBuffer>[]);
        mails.push(await mail.text());
        callback();
      }, callback);
    },
    ...options,
  });
  server.on("error", () => {});
  server.listen(0, "127.0.0.1");
  await once(server.server, "listening");
  const { port } = server.server.address() as { port: number };
  return {
    server,
    port,
    mails,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

/** Some 300 KB, which no buffer on the way holds. */
const attachment = "0123456789abcdef".repeat(20_000);

const MAIL = {
  from: "ann@example.org",
  to: "bob@example.org",
  subject: "Grüße",
  text: "One line.\n.\nA dot alone is above.",
  attachments: [{ filename: "notes.txt", content: attachment }],
};

async function send(
  transporter: ReturnType<typeof transporterOver>,
  mails: string[],
): Promise<void> {
  const sent = await transporter.sendMail(MAIL);
  assertEquals(sent.accepted, ["bob@example.org"]);
  const mail = mails.at(-1)!;
  assertStringIncludes(mail, "A dot alone is above.");
  const lines = mail.replaceAll("\r\n", "");
  assertStringIncludes(lines, btoa(attachment).slice(0, 200_000));
}

Deno.test("toDuplex() carries nodemailer in the clear", TIMEOUT, async () => {
  await using smtp = await startMailServer({ hideSTARTTLS: true });
  const open = () => connect({ port: smtp.port });
  const transporter = transporterOver(open);
  await send(transporter, smtp.mails);
  const pool = transporterOver(open, { pool: true, maxConnections: 2 });
  await Promise.all(Array.from({ length: 6 }, () => pool.sendMail(MAIL)));
  assertEquals(smtp.mails.length, 7);
  pool.close();
  transporter.close();
});

Deno.test(
  "toDuplex() carries nodemailer's STARTTLS, and TLS of ours beneath it",
  TIMEOUT,
  async () => {
    const authority = await createAuthority();
    const certificate = await authority.issue();
    {
      await using smtp = await startMailServer(certificate);
      const transporter = transporterOver(() => connect({ port: smtp.port }), {
        host: "localhost",
        requireTLS: true,
        tls: { ca: authority.cert, servername: "localhost" },
      });
      await send(transporter, smtp.mails);
      transporter.close();
    }
    await using smtp = await startMailServer({ ...certificate, secure: true });
    const tls = { caCerts: [authority.cert] };
    const transporter = transporterOver(
      () => connect({ hostname: "localhost", port: smtp.port, tls }),
      { ignoreTLS: true },
    );
    await send(transporter, smtp.mails);
    transporter.close();
  },
);

Deno.test(
  "toDuplex() carries a mail server over serve()",
  TIMEOUT,
  async () => {
    await using smtp = await startMailServer({ hideSTARTTLS: true });
    await using server = serve({ port: 0 }, async (socket) => {
      smtp.server.server.emit("connection", toDuplex(socket));
      await socket.closed;
    });
    const transporter = transporterOver(() =>
      connect({ port: server.addr.port })
    );
    await send(transporter, smtp.mails);
    transporter.close();
  },
);

Deno.test(
  "toDuplex() tells nodemailer of a server that leaves or stalls in the middle",
  TIMEOUT,
  async () => {
    for (const how of ["leaves", "stalls"]) {
      await using server = serve({ port: 0 }, async (socket) => {
        await socket.write("220 mail.example ESMTP\r\n");
        await socket.readLine();
        await socket.write("250-mail.example\r\n250 SIZE 100");
        await socket.flush();
        if (how === "stalls") { while (await socket.read() !== null); }
      });
      const transporter = transporterOver(
        () => connect({ port: server.addr.port }),
        // Its own limit, which asks `setTimeout` of the stream.
        { socketTimeout: 300, greetingTimeout: 5_000 },
      );
      const error: Error & { code?: string } = await assertRejects(
        () => transporter.sendMail(MAIL),
        Error,
      );
      const codes = how === "leaves" ? ["ECONNECTION"] : ["ETIMEDOUT"];
      assertEquals([error.code], codes, error.message);
      transporter.close();
    }
  },
);
