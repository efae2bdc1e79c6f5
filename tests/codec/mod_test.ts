import { assertEquals } from "@std/assert";

const ENTRY = new URL("../../lib/codec/mod.ts", import.meta.url);

/** What `deno info --json` tells of a module graph. */
interface Info {
  modules: { specifier: string; error?: string; local?: string }[];
}

async function deno(...args: string[]): Promise<string> {
  const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
    args,
  }).output();
  const text = new TextDecoder();
  if (!success) throw new Error(text.decode(stderr));
  return text.decode(stdout).trim();
}

Deno.test("@sluice/net/codec pulls in nothing of sockets", async () => {
  const info: Info = JSON.parse(
    await deno("info", "--json", "--no-config", ENTRY.href),
  );
  const folder = new URL("../../lib/", import.meta.url).href;
  const parts = info.modules
    .map(({ specifier }) => specifier.slice(folder.length).split("/"))
    .filter((path) => path.length > 1)
    .map(([part]) => part);
  assertEquals([...new Set(parts)].sort(), ["bytes", "codec", "proxy_header"]);
});

Deno.test("@sluice/net/codec works without any permission", async () => {
  const code = `
    import { decodeStream, json, lines, struct, u8 } from ${
    JSON.stringify(ENTRY.href)
  };
    const body = new Response('{"a":1}\\n').body;
    const frames = await Array.fromAsync(body.pipeThrough(decodeStream(json(lines()))));
    console.log(JSON.stringify(frames), struct({ a: u8 }).decode(Uint8Array.of(3)).a);
  `;
  const path = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(path, code);
    assertEquals(
      await deno("run", "--no-config", "--no-prompt", path),
      '[{"a":1}] 3',
    );
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("@sluice/net/codec decodes streams on a runtime of 2023, such as Node 20", async () => {
  // Whatever came later is taken away, as not every machine has that Node.
  const code = `
    delete Promise.withResolvers;
    delete Promise.try;
    delete Array.fromAsync;
    delete ReadableStream.from;
    delete Uint8Array.fromBase64;
    delete ArrayBuffer.prototype.transfer;
    for (const name of ["map", "filter", "take", "drop", "toArray"]) {
      delete Object.getPrototypeOf(Object.getPrototypeOf([].values()))[name];
    }
    for (const name of ["union", "intersection", "difference"]) {
      delete Set.prototype[name];
    }
    delete globalThis.Deno;
    const { decodeStream, encodeStream, lines } = await import(${
    JSON.stringify(ENTRY.href)
  });
    const encoded = new ReadableStream({
      start(controller) {
        for (const line of ["one", "two"]) controller.enqueue(line);
        controller.close();
      },
    }).pipeThrough(encodeStream(lines()));
    const frames = [];
    const reader = encoded.pipeThrough(decodeStream(lines())).getReader();
    for (let result; !(result = await reader.read()).done;) frames.push(result.value);
    console.log(frames.join());
  `;
  const path = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(path, code);
    assertEquals(
      await deno("run", "--no-config", "--no-prompt", "--allow-read", path),
      "one,two",
    );
  } finally {
    await Deno.remove(path);
  }
});
