import { assert, assertEquals } from "@std/assert";
import { serve, type Server } from "@sluice/net";
import { createAuthority } from "../../_support/certificates.ts";
import { Example } from "../_example.ts";
import { lacksBrowser, openBrowser } from "../../_support/browser.ts";

Deno.test(
  "the page draws charts that live, and tells when a target goes down",
  {
    timeout: 90_000,
    ignore: lacksBrowser(),
    // Playwright keeps a few promises of its own pending until the process ends.
    sanitizeOps: false,
    sanitizeResources: false,
  },
  async () => {
    const listen = (port: number) =>
      serve({ port, shutdownTimeoutMs: 0 }, async (socket) => {
        for await (const chunk of socket) await socket.write(chunk);
      });
    const server = listen(0);
    const { port } = server.addr;
    const target = {
      address: `127.0.0.1:${port}`,
      intervalMs: 100,
      failuresToDown: 2,
      successesToUp: 2,
    };
    const name = "<img src=x onerror=alert(1)>";
    await using monitor = await Example.start(
      "monitor/watch",
      ...["--config", "stdin", "--web", "127.0.0.1:0", "--probe", "off"],
    );
    await monitor.type(JSON.stringify({
      targets: [
        { ...target, name: "echo", check: "expect", send: "hi", expect: "hi" },
        { ...target, name },
      ],
    }));
    const ended = monitor.ended();
    const [, url] = await monitor.printed(/the page is at (\S+)/);

    await using browser = await openBrowser();
    const { page, complaints } = browser;
    await page.goto(url);
    await page.locator("article .state.up").nth(1).waitFor();
    assertEquals(await page.locator("article .name").allTextContents(), [
      "echo",
      name,
    ]);

    // A line was drawn, in the color of lines; and it goes on with new results.
    assertEquals(await page.locator("article canvas").count(), 2);
    await page.evaluate(until(`${DRAWN} > 100`));
    const checks = await page.evaluate("cards[0].state.checks");
    await page.evaluate(until(`cards[0].state.checks > ${checks} + 2`));
    await page.evaluate(until(`${DRAWN} > 100`));

    await server.shutdown({ timeoutMs: 0 });
    await page.locator("article .state.down").nth(1).waitFor();
    await page.getByText(/DOWN echo .*refused/).waitFor();
    assertEquals(await page.title(), "✖ 2 down");
    await using _ = listen(port);
    await page.locator("article .state.up").nth(1).waitFor();
    await page.getByText(/UP echo .* after/).waitFor();

    // In the dark the same page is dark, charts included.
    await page.emulateMedia({ colorScheme: "dark" });
    const paper = await page.evaluate(
      "getComputedStyle(document.body).backgroundColor",
    );
    assertEquals(paper, "rgb(18, 22, 28)");
    await page.evaluate(until(`${DRAWN} > 100`));

    assertEquals(complaints, []);
    if (Deno.build.os !== "windows") {
      monitor.interrupt();
      assertEquals((await ended).code, 0);
      await page.getByText("The monitor does not answer; trying again…")
        .waitFor();
    }
    assert(!(await page.content()).includes("<img"));
  },
);

/** What would run, steer a terminal or turn text around, wherever it is shown as it is. */
const HOSTILE =
  '"\'><script>hacked = 1</script><img src=x onerror="hacked = 1">' +
  "\x1b]0;hacked\x07\x1b[2J\u009b2J\u202e\u2066</title>\r\nevent: alert\n\n";

Deno.test(
  "the page shows what hostile targets send as text, or not at all",
  {
    timeout: 90_000,
    ignore: lacksBrowser(),
    sanitizeOps: false,
    sanitizeResources: false,
  },
  async () => {
    const authority = await createAuthority();
    const { cert, key } = await authority.issue({
      commonName: "<script>hacked = 1</script>",
    });
    const onError = () => {};
    await using rude = serve(
      { port: 0, shutdownTimeoutMs: 0, onError },
      (socket) => socket.write(HOSTILE),
    );
    await using tls = serve(
      { port: 0, shutdownTimeoutMs: 0, onError, tls: { cert, key } },
      (socket) => socket.write(HOSTILE),
    );
    const portOf = ({ addr }: Server<Deno.NetAddr>) => addr.port;
    const target = {
      address: `127.0.0.1:${portOf(rude)}`,
      intervalMs: 200,
      timeoutMs: 500,
      failuresToDown: 1,
    };
    await using monitor = await Example.start(
      "monitor/watch",
      ...["--config", "stdin", "--web", "127.0.0.1:0", "--probe", "off"],
    );
    const expected = { check: "expect", expect: "never" };
    await monitor.type(JSON.stringify({
      targets: [
        { ...target, ...expected, name: '"><script>hacked = 1</script>' },
        { ...target, check: "throughput", name: "link" },
        ...[
          { check: "certificate", address: `tls://${target.address}` },
          { check: "certificate", address: `tls://127.0.0.1:${portOf(tls)}` },
          { ...expected, address: `tls://127.0.0.1:${portOf(tls)}` },
          { check: "connect", address: `tls://${target.address}` },
        ].map((each, i) => ({ ...target, ...each, name: `<b>${i}</b>` })),
      ],
    }));
    const ended = monitor.ended();
    const [, url] = await monitor.printed(/the page is at (\S+)/);
    await using browser = await openBrowser();
    const { page, complaints } = browser;
    await page.goto(url);
    await page.locator("article .state.down").nth(5).waitFor();
    await page.locator("#alerts li").nth(5).waitFor();
    assertEquals(await page.evaluate("typeof hacked"), "undefined");
    assertEquals(await page.locator("script").count(), 2);
    assertEquals(await page.locator("img, b, iframe, object").count(), 0);
    const text = await page.locator("body").innerText();
    const unseen = /[[\p{Cc}\p{Cf}]--[\n\t]]/v;
    assert(!unseen.test(text), JSON.stringify(text));
    assertEquals(complaints, []);
    // The terminal obeys nothing either.
    monitor.interrupt();
    const { output, errors } = await ended;
    assertEquals(errors, "");
    assert(!unseen.test(output), JSON.stringify(output));
  },
);

Deno.test(
  "pages of other sites cannot use the places of the monitor's own, nor read it",
  {
    timeout: 90_000,
    ignore: lacksBrowser(),
    sanitizeOps: false,
    sanitizeResources: false,
  },
  async () => {
    await using monitor = await Example.start(
      "monitor/watch",
      ...["--config", "stdin", "--web", "127.0.0.1:0", "--probe", "off"],
    );
    const target = { name: "secret", address: "127.0.0.1:1" };
    await monitor.type(JSON.stringify({ targets: [target] }));
    const ended = monitor.ended();
    const [, url] = await monitor.printed(/the page is at (\S+)/);
    const evil = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      () =>
        new Response(
          `<!DOCTYPE html><script>
            let failed = 0;
            for (let i = 0; i < 40; i++) {
              fetch("${url}events?" + i, { mode: "no-cors" })
                .then((r) => r.type, () => "failed").then(() => failed++);
            }
            let read = "nothing";
            fetch("${url}state.json").then((r) => r.text()).then(
              (text) => read = text, () => read = "refused");
          </script><script src="${url}page.js"></script>
          <iframe src="${url}"></iframe>`,
          { headers: { "content-type": "text/html" } },
        ),
    );
    await using browser = await openBrowser();
    const { page } = browser;
    await page.goto(`http://127.0.0.1:${evil.addr.port}/`);
    await page.evaluate(until("failed === 40"));
    await page.evaluate(until('read !== "nothing"'));
    assertEquals(await page.evaluate("read"), "refused");
    assertEquals(await page.evaluate("typeof listen"), "undefined");
    const own = await page.context().newPage();
    await own.goto(url);
    await own.getByText("1 targets").waitFor();
    monitor.interrupt();
    await ended;
    await evil.shutdown();
  },
);

Deno.test(
  "the page fits on a narrow screen, whatever its targets are called",
  {
    timeout: 90_000,
    ignore: lacksBrowser(),
    sanitizeOps: false,
    sanitizeResources: false,
  },
  async () => {
    await using monitor = await Example.start(
      "monitor/watch",
      ...["--config", "stdin", "--web", "127.0.0.1:0", "--probe", "off"],
    );
    const target = { address: "127.0.0.1:1", intervalMs: 200 };
    await monitor.type(JSON.stringify({
      targets: [
        { ...target, name: "x".repeat(40), failuresToDown: 1 },
        { ...target, name: "expect", check: "expect", expect: "x" },
      ],
    }));
    const ended = monitor.ended();
    const [, url] = await monitor.printed(/the page is at (\S+)/);
    await using browser = await openBrowser();
    const { page } = browser;
    await page.goto(url);
    await page.locator("#alerts li").first().waitFor();
    for (const width of [1_000, 420, 320]) {
      await page.setViewportSize({ width, height: 800 });
      const wide = "document.documentElement.scrollWidth";
      // Charts follow in the next frame.
      await page.evaluate(until(`${wide} <= innerWidth`));
    }
    monitor.interrupt();
    await ended;
  },
);

/** In the page: waits for a condition. Playwright's own way needs `eval`. */
function until(condition: string): string {
  return `new Promise((resolve) => {
    const look = () => ${condition} ? resolve() : requestAnimationFrame(look);
    look();
  })`;
}

/** In the page: how many dots of the first chart have the color of its line. */
const DRAWN = `(() => {
  const canvas = document.querySelector("article canvas");
  const probe = document.createElement("canvas").getContext("2d");
  probe.fillStyle = getComputedStyle(document.documentElement)
    .getPropertyValue("--line").trim();
  probe.fillRect(0, 0, 1, 1);
  const wanted = [...probe.getImageData(0, 0, 1, 1).data].join();
  const { data } = canvas.getContext("2d")
    .getImageData(0, 0, canvas.width, canvas.height);
  let count = 0;
  for (let at = 0; at < data.length; at += 4) {
    if (data.slice(at, at + 4).join() === wanted) count++;
  }
  return count;
})()`;
