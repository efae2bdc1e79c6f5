import { createHash } from "node:crypto";
import { connect, framed, lengthPrefixed, serve } from "@sluice/net";
import { bytes, packets, struct, u16, u32, utf8 } from "@sluice/net/codec";

// Before the contents: what the file is called, its size, and its SHA-256.
const offer = struct({ name: utf8(u16), size: u32, sha256: bytes(32) });
const offers = packets(offer, lengthPrefixed({ maxFrameBytes: 1024 }));

await Deno.mkdir("received", { recursive: true });

await using server = serve({ port: 0, idleMs: 10_000 }, async (socket) => {
  const connection = framed(socket, offers);
  const file = await connection.receive();
  if (file === null) return;
  connection.detach(); // From here on the socket carries contents.
  if (!/^\w[\w.-]{0,99}$/.test(file.name)) {
    await socket.write("refused: not a file name\n");
    return;
  }

  // Under another name until it is whole and proven.
  const part = `received/${file.name}.part`;
  const hash = createHash("sha256");
  {
    using disk = await Deno.open(part, {
      write: true,
      create: true,
      truncate: true,
    });
    for (let left = file.size; left > 0;) {
      const chunk = await socket.readExactly(Math.min(left, 64 * 1024));
      hash.update(chunk);
      left -= chunk.length;
      for (let written = 0; written < chunk.length;) {
        written += await disk.write(chunk.subarray(written));
      }
    }
  }
  if (hash.digest("hex") !== file.sha256.toHex()) {
    await socket.write("refused: the contents have changed on the way\n");
    return;
  }
  await Deno.rename(part, `received/${file.name}`);
  await socket.write(`stored ${file.size} bytes\n`);
});

async function send(name: string, contents: Uint8Array): Promise<void> {
  await using socket = await connect({ port: server.addr.port });
  const sha256 = createHash("sha256").update(contents).digest();
  const connection = framed(socket, offers);
  await connection.send({
    name,
    size: contents.length,
    sha256: new Uint8Array(sha256),
  });
  connection.detach();
  await socket.write(contents);
  console.log(`${name}:`, await socket.readLine({ timeoutMs: 10_000 }));
}

const contents = crypto.getRandomValues(new Uint8Array(60_000));
await send("photo.jpg", contents);
await send("../secret.txt", contents);

const received = await Deno.readFile("received/photo.jpg");
console.log("the same bytes:", received.toHex() === contents.toHex());
await Deno.remove("received", { recursive: true }); // The next run begins anew.
