import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Page } from "npm:playwright-core@1.65.1";
import { lacksBrowser, openBrowser } from "../_support/browser.ts";
import {
  HOME,
  lacksPackages,
  makeSite,
  runDeno,
  serveSite,
} from "./_built_site.ts";
import { overflow } from "./_looks.ts";

const BASE = "/net/";
const REPOSITORY = "https://github.com/OWNER/NAME/blob/main/";

const WIDTHS = [360, 1280];

/** Pages of each kind. */
const PAGES = [
  "",
  "guides/introduction.html",
  "guides/reliability.html",
  "api/net/",
  "api/net/socket/socket.html",
  "examples/",
  "examples/monitor.html",
  "benches/",
  "codec.html",
  "tutorial/02-packets.html",
  "zh/",
  "zh/tutorial/02-packets.html",
];

const ignore = await lacksPackages() || lacksBrowser();

Deno.test(
  "the site is built, every link leads somewhere, and a browser shows it",
  {
    timeout: 300_000,
    ignore,
    // Playwright keeps a few promises of its own pending until the process ends.
    sanitizeOps: false,
    sanitizeResources: false,
  },
  async (t) => {
    const out = await Deno.makeTempDir();
    try {
      const isBuilt = await t.step("it is built", async () => {
        const { code, output } = await makeSite(
          ...["--out", out, "--base", BASE, "--repository", REPOSITORY],
        );
        assertEquals(code, 0, output);
      });
      if (!isBuilt) return;
      await t.step(
        "its configuration and theme have no type errors",
        async () => {
          const { code, output } = await runDeno(
            ["check", "--frozen", "config.ts", "theme/index.ts"],
            HOME,
          );
          assertEquals(code, 0, output);
        },
      );
      await t.step(
        "a file without a page is a link to the repository",
        async () => {
          assertStringIncludes(
            await Deno.readTextFile(`${out}/guides/introduction.html`),
            `href="${REPOSITORY}tests/defects_test.ts"`,
          );
        },
      );
      await using site = serveSite(out, BASE);
      await using browser = await openBrowser();
      const { page, complaints } = browser;
      const asked: string[] = [];
      page.on("request", (request) => asked.push(request.url()));

      for (const width of WIDTHS) {
        await page.setViewportSize({ width, height: 800 });
        for (const path of PAGES) {
          await t.step(
            `${path || "the first page"} fits ${width} px`,
            async () => {
              await page.goto(site.url + path);
              assertEquals(await overflow(page), []);
              assertEquals(complaints.splice(0), []);
            },
          );
        }
      }
      await t.step(
        "the search finds names of the API and words of guides",
        async () => {
          // Each language has an index of its own.
          await page.goto(site.url);
          await search(page, "varintPrefixed", "varintPrefixed");
          await search(page, "naive server", "Ten defects of a naive server");
          await page.goto(`${site.url}zh/`);
          // Words of Chinese have no spaces between them.
          await search(page, "固定长度", /分\s?帧/);
          assertEquals(complaints.splice(0), []);
        },
      );
      await t.step("frames in bytes are shown on the site, too", async () => {
        await page.goto(`${site.url}codec.html`);
        await page.getByText("34 bytes, 2 frames, 1 bad frame").waitFor();
        // What is behind # is no heading, and not for the site to look for.
        await page.goto(`${site.url}codec.html#codec=netstring&text=1:a,`);
        await page.getByText("4 bytes, 1 frame").waitFor();
        await page.goto(`${site.url}codec_page.html`);
        await page.getByText("34 bytes, 2 frames, 1 bad frame").waitFor();
        assertEquals(complaints.splice(0), []);
      });
      await t.step(
        "the theme follows the system, and its switch is kept",
        async () => {
          const isDark = () =>
            page.evaluate(
              `document.documentElement.classList.contains("dark")`,
            );
          await page.emulateMedia({ colorScheme: "dark" });
          await page.goto(`${site.url}guides/codecs.html`);
          assertEquals(await isDark(), true);
          await isAlive(page);
          await page.locator(".VPSwitchAppearance:visible").click();
          assertEquals(await isDark(), false);
          await page.reload();
          assertEquals(await isDark(), false);
        },
      );
      await t.step("nothing is missing, and no other host is asked", () => {
        assertEquals(site.missing, []);
        assert(asked.length > 50);
        assertEquals(asked.filter((url) => !url.startsWith(site.url)), []);
      });
    } finally {
      await Deno.remove(out, { recursive: true });
    }
  },
);

/** Waits until the page's script has made it one that answers. */
async function isAlive(page: Page) {
  await page.waitForFunction("document.querySelector('#app').__vue_app__");
}

/** Opens the search by its key, types, and waits for a result. */
async function search(page: Page, words: string, result: string | RegExp) {
  await isAlive(page);
  await page.keyboard.press("Control+k");
  await page.locator(".VPLocalSearchBox input").fill(words);
  await page.locator(".VPLocalSearchBox .result", { hasText: result }).first()
    .waitFor();
  await page.keyboard.press("Escape");
  await page.locator(".VPLocalSearchBox").waitFor({ state: "detached" });
}
