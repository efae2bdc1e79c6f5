import { ROOT } from "../_command.ts";
import { exampleNames } from "../_examples.ts";
import { findLinks } from "./_markdown.ts";
import type { Page } from "./_page.ts";

/**
 * The pages of examples that are one file, with its text, and the page that lists all.
 *
 * @param folders The pages of those that are a folder.
 */
export async function examplePages(folders: readonly Page[]): Promise<Page[]> {
  const files: Page[] = [];
  for (const name of await exampleNames()) {
    if (name.includes("/")) continue;
    const source = `examples/${name}.ts`;
    const code = await Deno.readTextFile(new URL(source, ROOT));
    const text = [
      `# ${title(name)}`,
      description(code),
      `\`\`\`sh\ndeno task examples ${name}\n\`\`\``,
      `[\`${source}\`](${name}.ts):`,
      `\`\`\`\`ts\n${code.trimEnd()}\n\`\`\`\``,
    ].join("\n\n");
    files.push({
      path: `examples/${name}.md`,
      title: title(name),
      text,
      source,
    });
  }
  return [...files, {
    path: "examples/index.md",
    title: "Overview",
    source: "examples/README.md",
    text: [
      "# Examples",
      "Programs that stand on Sluice, with the narrowest permissions: " +
      "`deno task examples` lists them and runs one by name.",
      ...[...folders, ...files].map(card),
    ].join("\n\n"),
  }];
}

function title(name: string): string {
  const words = name.replaceAll("_", " ");
  return words[0].toUpperCase() + words.slice(1);
}

/** The doc comment that a file begins with. */
function description(code: string): string {
  const comment = /\/\*\*\n([\s\S]*?)\*\//.exec(code)?.[1] ?? "";
  return comment.replaceAll(/^ \* ?/gm, "").replace(/@module[\s\S]*/, "")
    .trim();
}

/** A heading, the first paragraph and the first picture of a page. */
function card(page: Page): string {
  const { path, title, text, source = path } = page;
  const folder = source.slice("examples/".length, source.lastIndexOf("/") + 1);
  const [first = ""] = text.replace(/^# .*\n+/, "").split(/\n\n/);
  const picture = findLinks(text).find(({ isImage }) => isImage)?.target;
  return [
    `## [${title}](/${path})`,
    first,
    ...picture === undefined ? [] : [`![${title}](${folder}${picture})`],
  ].join("\n\n");
}
