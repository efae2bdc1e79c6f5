import { assert, assertEquals } from "@std/assert";
import { serve } from "@sluice/net";
import { Example } from "../_example.ts";
import { lacksBrowser, openBrowser } from "./_browser.ts";

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
    const { port } = server.addr as Deno.NetAddr;
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
