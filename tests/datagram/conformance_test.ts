import { assert, assertRejects } from "@std/assert";
import {
  datagram,
  type DatagramBackend,
  type DatagramTransport,
} from "@sluice/net/datagram";
import { checkDatagrams, memoryNetwork } from "@sluice/net/testing";
import { BACKENDS, hasFlag } from "./_backends.ts";

for (const backend of BACKENDS) {
  Deno.test(`${backend} carries datagrams as it has to`, {
    timeout: 60_000,
  }, async () => {
    await checkDatagrams(() =>
      Promise.all([
        datagram({ port: 0, backend }),
        datagram({ port: 0, backend }),
      ])
    );
  });
}

Deno.test("the two backends carry datagrams to each other", {
  ignore: !hasFlag,
  timeout: 60_000,
}, async () => {
  await checkDatagrams(() =>
    Promise.all([
      datagram({ port: 0, backend: "node" }),
      datagram({ port: 0, backend: "deno" }),
    ])
  );
});

Deno.test("Unix sockets carry datagrams as they have to", {
  ignore: !hasFlag || Deno.build.os === "windows",
  timeout: 60_000,
}, async () => {
  const folder = await Deno.makeTempDir({ prefix: "sluice-" });
  try {
    let count = 0;
    const open = () => datagram({ path: `${folder}/${count++}` });
    await checkDatagrams(() => Promise.all([open(), open()]), {
      sendsToNowhere: false,
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("memory networks carry datagrams as they have to", async () => {
  using network = memoryNetwork();
  const open = () => datagram({ port: 0, backend: network.datagrams() });
  await checkDatagrams(() => Promise.all([open(), open()]));
});

/** A carrier that is broken in one way, over one that is good. */
function broken(
  damage: (transport: DatagramTransport<Deno.NetAddr>) => void,
): () => Promise<void> {
  return async () => {
    using network = memoryNetwork();
    const open = () => {
      const good = network.datagrams();
      const backend: DatagramBackend = {
        async bind(options) {
          const transport = await good.bind(options);
          damage(transport);
          return transport;
        },
      };
      return datagram({ port: 0, backend });
    };
    await checkDatagrams(() => Promise.all([open(), open()]), {
      timeoutMs: 200,
    });
  };
}

for (
  const [what, check, damage] of [
    ["cuts datagrams", "carries the largest", (transport) => {
      const send = transport.send.bind(transport);
      transport.send = (data, to) => send(data.subarray(0, 60_000), to);
    }],
    ["loses empty ones", "keeps datagrams apart", (transport) => {
      const send = transport.send.bind(transport);
      transport.send = (data, to) =>
        data.length > 0 ? send(data, to) : Promise.resolve();
    }],
    ["sends later than it says", "memory of its own", (transport) => {
      const send = transport.send.bind(transport);
      transport.send = (data, to) => {
        setTimeout(() => send(data, to).catch(() => {}), 0);
        return Promise.resolve();
      };
    }],
    ["uses one array again", "keeps datagrams apart", (transport) => {
      const start = transport.start.bind(transport);
      const buffer = new Uint8Array(65_536);
      transport.start = (sink) =>
        start({
          ...sink,
          onOversize: () => sink.onOversize(),
          onEnd: (error) => sink.onEnd(error),
          onDatagram(data, from) {
            buffer.set(data);
            sink.onDatagram(buffer.subarray(0, data.length), from);
          },
        });
    }],
    ["never closes", "its sockets must close within 200 ms", (transport) => {
      transport.close = () => new Promise(() => {});
    }],
    ["names another sender", "carries datagrams both ways", (transport) => {
      const start = transport.start.bind(transport);
      transport.start = (sink) =>
        start({
          onOversize: () => sink.onOversize(),
          onEnd: (error) => sink.onEnd(error),
          onDatagram: (data, from) =>
            sink.onDatagram(data, { ...from, port: from.port + 1 }),
        });
    }],
  ] as [string, string, (transport: DatagramTransport<Deno.NetAddr>) => void][]
) {
  Deno.test(`checkDatagrams() finds a carrier that ${what}`, {
    sanitizeOps: what !== "sends later than it says",
    sanitizeResources: what !== "sends later than it says",
  }, async () => {
    const error = await assertRejects(broken(damage), Error);
    assert(error.message.includes(check), error.message);
  });
}
