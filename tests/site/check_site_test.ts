import { assertEquals } from "@std/assert";
import { checkSite } from "../../tools/site/_check_site.ts";

const POLICY = '<meta http-equiv="Content-Security-Policy" content="x">';

/** What is wrong with a site of these files. */
async function check(
  files: Record<string, string>,
  base = "/",
): Promise<string[]> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [path, text] of Object.entries(files)) {
      const file = `${folder}/${path}`;
      await Deno.mkdir(file.slice(0, file.lastIndexOf("/")), {
        recursive: true,
      });
      await Deno.writeTextFile(file, text);
    }
    return await checkSite(folder, base);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("checkSite() follows links to pages, folders, files and anchors", async () => {
  const index = `${POLICY}<a href="/net/a/b.html#one">1</a>` +
    `<a href="a/b#%C3%A9&amp;">2</a><a href="/net/a/">3</a><a href="#top">4</a>` +
    `<h1 id="top"></h1><img src="/net/p.png"><link href="/net/s.css">` +
    `<a href="https://example.com/x#y">5</a><a href="mailto:a@b.example">6</a>`;
  const page = `${POLICY}<h2 id="one"></h2><h2 id="é&amp;"></h2>`;
  assertEquals(
    await check({
      "index.html": index,
      "a/b.html": page,
      "a/index.html": `${POLICY}<a href="../p.png">`,
      "p.png": "",
      "s.css": "a { background: url(data:image/svg+xml,x) }",
    }, "/net/"),
    [],
  );
});

Deno.test("checkSite() names links and anchors that are not there", async () => {
  const problems = await check({
    "index.html": `${POLICY}<a href="/gone">` +
      `<a class="x" href="/b.html#gone"><img alt="" src="gone.png">`,
    "b.html": `${POLICY}<a href="/b.html#there" id="there">`,
  });
  assertEquals(problems, [
    "index.html loads gone.png, which is not there",
    "index.html links to /gone, which is not there",
    "index.html links to /b.html#gone, which is not there",
  ]);
});

Deno.test("checkSite() names links that leave the path of the site", async () => {
  const problems = await check({
    "index.html":
      `${POLICY}<a href="/old/index.html"><a href="/net/index.html">`,
  }, "/net/");
  assertEquals(problems, [
    "index.html links to /old/index.html, which is not there",
  ]);
});

Deno.test("checkSite() names what another host would be asked for", async () => {
  const problems = await check({
    "index.html": `${POLICY}<script src="//cdn.example/x.js"></script>` +
      `<link rel="preload" href="https://fonts.example/f.woff2">`,
    "s.css": `@font-face { src: url("https://fonts.example/f.woff2") }`,
    "bare.html": "<p>no policy</p>",
  });
  assertEquals(problems.sort(), [
    "bare.html has no security policy",
    "index.html loads //cdn.example/x.js from another host",
    "index.html loads https://fonts.example/f.woff2 from another host",
    "s.css loads https://fonts.example/f.woff2 from another host",
  ]);
});
