/**
 * Takes the pictures of the site that docs/ shows: `deno task site:pictures`, once
 * `deno task site` has made it.
 *
 * @module
 */
import { ROOT } from "../_command.ts";
import { openBrowser } from "../../tests/_support/browser.ts";
import { serveSite } from "../../tests/site/_built_site.ts";
import { fileURLToPath as fromFileUrl } from "node:url";

/** What to take: a page, how wide and how high, light or dark, and what to press before. */
const PICTURES = [
  { name: "site", path: "guides/introduction.html", width: 1200, height: 760 },
  {
    name: "frames-in-bytes",
    path: "codec.html",
    width: 1200,
    height: 900,
    press: ".cp-item button",
  },
  {
    name: "frames-in-bytes-phone",
    path: "codec.html",
    width: 390,
    height: 760,
    isDark: true,
    press: ".cp-item:nth-child(2) button",
    show: ".cp-summary",
  },
];

if (import.meta.main) {
  const folder = fromFileUrl(new URL("docs/.vitepress/dist", ROOT));
  await using site = serveSite(folder, "/");
  await using browser = await openBrowser();
  const { page } = browser;
  for (const { name, path, width, height, ...more } of PICTURES) {
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ colorScheme: more.isDark ? "dark" : "light" });
    const answer = await page.goto(site.url + path, {
      waitUntil: "networkidle",
    });
    if (answer?.ok() !== true) {
      console.error(
        `Cannot take the pictures: ${path} must be there, which deno task site makes`,
      );
      Deno.exit(1);
    }
    if (more.press !== undefined) {
      await page.locator(more.press).first().click();
      await page.mouse.move(0, 0);
    }
    await page.evaluate(
      more.show === undefined
        ? "scrollTo(0, 0)"
        : `scrollTo(0, document.querySelector("${more.show}").offsetTop - 80)`,
    );
    const file = fromFileUrl(new URL(`docs/pictures/${name}.png`, ROOT));
    await page.screenshot({ path: file });
    const { size } = await Deno.stat(file);
    console.log(`docs/pictures/${name}.png: ${size} bytes`);
  }
}
