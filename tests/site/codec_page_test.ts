import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Buffer } from "node:buffer";
import { pathToFileURL } from "node:url";
import { codecFile } from "../../tools/site/_codec_file.ts";
import { lacksBrowser, openBrowser } from "../_support/browser.ts";
import { faintText, overflow } from "./_looks.ts";

/** What a page would do that ran what it was given. */
const SCRIPT = `"><img src=x onerror="hacked()"><script>hacked()</script>`;

Deno.test(
  "the page that shows frames in bytes works as a file, whatever it is given",
  {
    timeout: 120_000,
    ignore: lacksBrowser(),
    // Playwright keeps a few promises of its own pending until the process ends.
    sanitizeOps: false,
    sanitizeResources: false,
  },
  async (t) => {
    const folder = await Deno.makeTempDir();
    try {
      const file = `${folder}/codec_page.html`;
      await Deno.writeTextFile(file, await codecFile());
      const url = pathToFileURL(file).href;
      await using browser = await openBrowser();
      const { page, complaints } = browser;
      const asked: string[] = [];
      page.on("request", (request) => asked.push(request.url()));
      await page.addInitScript(
        "globalThis.hacked = () => globalThis.wasHacked = true",
      );

      const bytes = page.getByLabel("Bytes", { exact: true });
      const packet = page.getByLabel("The packet", { exact: true });
      const summary = () => page.locator(".cp-summary").innerText();
      const problem = () => page.locator(".cp-problem").innerText();
      const items = () => page.locator(".cp-item").allInnerTexts();
      const open = async (hash = "") => {
        // Another document, not another place in the same one.
        await page.goto("about:blank");
        await page.goto(url + hash);
      };

      await t.step("it begins with an example, and fits a phone", async () => {
        for (const width of [360, 1280]) {
          await page.setViewportSize({ width, height: 800 });
          await open();
          assertEquals(await summary(), "34 bytes, 2 frames, 1 bad frame");
          assertEquals(await overflow(page), []);
        }
        const [first, , bad] = await items();
        assertStringIncludes(
          first,
          '{ version: 1, room: "kitchen", tenths: 215 }',
        );
        assertStringIncludes(bad, "UnexpectedEofError");
        assertStringIncludes(bad, "received 8");
      });
      await t.step("it can be used with the keyboard alone", async () => {
        await page.locator(".cp-item button").first().focus();
        await page.keyboard.press("Enter");
        assertMatch((await items())[0], /before the frame\s+0\s+00 0c/);
        assertMatch((await items())[0], /room\s+3\s+00 07 6b/);
        assertEquals(await page.locator(".cp-digits .cp-chosen").count(), 14);
        await page.keyboard.press("Tab");
        await page.keyboard.press("Enter");
        assertEquals(await page.locator(".cp-digits .cp-chosen").count(), 12);
        // Every control comes in its turn, and none is a trap.
        await page.locator("header button").focus();
        const reached = new Set<string>();
        for (let i = 0; i < 40; i++) {
          await page.keyboard.press("Tab");
          reached.add(await page.evaluate("document.activeElement.id"));
        }
        for (
          const id of [
            "example",
            "input",
            "bytes",
            "ended",
            "framing",
            "content",
          ]
        ) {
          assertEquals(reached.has(`cp-${id}`), true, id);
        }
      });
      await t.step(
        "it decodes what is typed, and says where that is wrong",
        async () => {
          await page.getByLabel("Framing").selectOption("netstring");
          await page.getByLabel("Bytes as").selectOption("text");
          await page.getByLabel("In a frame").selectOption("text");
          await bytes.fill("2:hi,");
          await page.getByText("5 bytes, 1 frame").waitFor();
          assertStringIncludes((await items())[0], '"hi"');
          await bytes.fill("2:hi,\n\\q");
          await page.getByText("Line 2, column 1: Cannot read the text")
            .waitFor();
          await page.getByLabel("In a frame").selectOption("struct");
          await packet.fill("{\n  a: u99,\n}");
          await bytes.fill("2:hi,");
          await page.getByText("Line 2, column 6: Cannot read the description")
            .waitFor();
          await page.getByLabel("maxFrameBytes").fill("-1");
          await packet.fill("{ a: u16 }");
          await page.getByText("maxFrameBytes must be").waitFor();
        },
      );
      await t.step("an address brings everything back", async () => {
        await open(
          "#codec=lines&content=json&option.newline=%5Cr%5Cn&text=%7B%22a%22%3A1%7D%5Cr%5Cn",
        );
        assertEquals(await summary(), "9 bytes, 1 frame");
        assertEquals(
          await page.locator("#cp-source").innerText(),
          'json(lines({ newline: "\\r\\n" }))',
        );
        await bytes.fill("[1]\\r\\n");
        await page.getByText("5 bytes, 1 frame").waitFor();
        await page.reload();
        assertStringIncludes((await items())[0], "[1]");
      });
      await t.step(
        "it takes a file, and the beginning of a large one",
        async () => {
          await open("#codec=fixed&option.frameBytes=1000&hex=");
          const chooser = page.getByLabel("or a file");
          await chooser.setInputFiles({
            name: `${SCRIPT}.bin`,
            mimeType: "application/octet-stream",
            buffer: Buffer.alloc(300_000, 7),
          });
          await page.getByText(
            "65,536 bytes, 65 frames: the first of 300,000 bytes",
          ).waitFor();
          assertEquals(await page.locator(".cp-digits .cp-byte").count(), 1024);
          await page.getByRole("button", { name: "next" }).click();
          await page.getByText("bytes 1024 to 2047 of 65536").waitFor();
        },
      );
      await t.step(
        "it bounds what it shows of many frames, and goes on",
        async () => {
          await page.getByLabel("frameBytes").fill("1");
          await page.getByText("65,536 bytes, 65,536 frames").waitFor();
          assertEquals((await items()).length, 200);
          await page.getByText("and 65336 more").waitFor();
        },
      );
      await t.step("nothing that it is given is run", async () => {
        const text = encodeURIComponent(SCRIPT);
        await open(
          `#codec=lines&content=text&option.oversize=${text}&text=${text}%5Cn&struct=${text}`,
        );
        assertStringIncludes((await items())[0], "<script>");
        await open(`#codec=netstring&content=struct&struct=${text}&hex=00`);
        assertStringIncludes(await problem(), "Cannot read the description");
        await packet.fill(`{ ${JSON.stringify(SCRIPT)}: u8 }`);
        await bytes.fill("31 3a 61 2c");
        await page.getByText("4 bytes, 1 frame").waitFor();
        await page.locator(".cp-item button").first().click();
        for (
          const hostile of [
            `codec=${text}`,
            `hex=%E0%A4%A`,
            "codec=lines&text=%",
            text,
          ]
        ) {
          await open(`#${hostile}`);
          await page.locator(".cp-summary").waitFor();
        }
        // What the file's own policy stops would be a complaint.
        assertEquals(await page.evaluate("globalThis.wasHacked"), undefined);
        assertEquals(await page.locator(".cp img, .cp script").count(), 0);
      });
      await t.step("garbage and huge input end in words", async () => {
        await open("#codec=lengthPrefixed&content=json&hex=");
        await bytes.fill("61".repeat(70_000));
        await page.getByText("there must be at most 65536").waitFor();
        await bytes.fill("5b".repeat(60_000));
        await page.getByLabel("Framing").selectOption("lines");
        await page.getByText("60,000 bytes, 0 frames, 1 bad frame").waitFor();
        await page.getByLabel("Framing").selectOption("packets");
        await packet.fill("{".repeat(9_000));
        await page.getByText("at most 8192 characters").waitFor();
        await packet.fill("{ a: array({ b: array(u8, u8) }, u8) }");
        await page.getByText(/60,000 bytes, \d+ frames?/).waitFor();
      });
      await t.step("it has a light and a dark look", async () => {
        const back = () =>
          page.evaluate<string>(
            "getComputedStyle(document.body).backgroundColor",
          );
        await page.emulateMedia({ colorScheme: "dark" });
        await page.locator("html.dark").waitFor();
        await page.locator("html.dark").waitFor();
        assertEquals(await back(), "rgb(27, 27, 31)");
        await page.getByRole("button", { name: "Light or dark" }).click();
        assertEquals(await back(), "rgb(255, 255, 255)");
        assertEquals(await faintText(page, "body"), []);
        await page.getByRole("button", { name: "Light or dark" }).click();
        assertEquals(await faintText(page, "body"), []);
      });
      assertEquals(complaints, []);
      const others = asked.filter((each) =>
        !each.startsWith(url) && each !== "about:blank"
      );
      assertEquals(others.filter((each) => !each.startsWith("data:")), []);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);
