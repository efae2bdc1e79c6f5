import { changeLinks, mapProse } from "./_markdown.ts";
import type { Page } from "./_page.ts";

/** What links are resolved against. */
export interface LinkContext {
  /** Pages by the file that they are. */
  bySource: ReadonlyMap<string, Page>;
  /** Pages by their place on the site. */
  byPath: ReadonlyMap<string, Page>;
  /** Whether the repository has such a file or folder. */
  exists: (path: string) => boolean;
  /** Where files of the repository can be read: `https://github.com/OWNER/NAME/blob/main/`. */
  repository?: string;
}

/** A page as VitePress takes it. */
export interface LinkedPage {
  text: string;
  /** Pictures of the repository that it shows. */
  pictures: string[];
  /** Links that lead nowhere, in words. */
  dead: string[];
}

/**
 * Sends the links of a page where they lead on the site.
 *
 * Files are written to be read on GitHub too: their links are relative, to other files. Those
 * that have a page are links to it here; pictures are copied; all others lead to the
 * repository, or become text where it is not known where that is.
 */
export function linkPage(page: Page, context: LinkContext): LinkedPage {
  const pictures: string[] = [];
  const dead: string[] = [];
  const name = page.source ?? page.path;
  const linked = changeLinks(page.text, ({ target, isImage, whole }) => {
    if (/^[a-z][a-z0-9+.-]*:/i.test(target)) {
      if (
        !/^(https?:\/\/[\w.-]+\.\w+(:\d+)?(\/[^\s<>"]*)?|mailto:.+)$/.test(
          target,
        )
      ) {
        dead.push(`${name} links to ${target}, which is no address`);
      } else if (isImage) {
        dead.push(`${name} shows ${target}, which is on another host`);
      }
      return undefined;
    }
    const [path, anchor] = target.split("#");
    if (path === "") return undefined;
    const file = resolvePath(path, page.source);
    const found = pageOf(file, path, context);
    if (found !== undefined && !isImage) {
      return `/${found.path}${anchor === undefined ? "" : `#${anchor}`}`;
    }
    if (file === undefined || !context.exists(file)) {
      dead.push(`${name} links to ${target}, which is not there`);
      return undefined;
    }
    if (isImage) {
      pictures.push(file);
      return `/${file}`;
    }
    if (/\.(png|svg|webp)$/.test(file)) {
      pictures.push(file);
      return `/${file}`;
    }
    if (context.repository !== undefined) {
      return context.repository + file +
        (anchor === undefined ? "" : `#${anchor}`);
    }
    return whole && { text: whole.text };
  });
  // Two braces are code to VitePress.
  const text = mapProse(
    linked,
    (prose) => prose.replaceAll("{{", "&#123;&#123;"),
  );
  return { text, pictures, dead };
}

/** A path from the root of the repository, or undefined where it leads out of it. */
function resolvePath(
  path: string,
  source: string | undefined,
): string | undefined {
  const parts = source === undefined || path.startsWith("/")
    ? []
    : source.split("/").slice(0, -1);
  for (const part of path.split("/")) {
    if (part === "..") {
      if (parts.pop() === undefined) return undefined;
    } else if (part !== "." && part !== "") parts.push(part);
  }
  return parts.join("/");
}

function pageOf(
  file: string | undefined,
  path: string,
  { bySource, byPath }: LinkContext,
): Page | undefined {
  if (file === undefined) return undefined;
  return bySource.get(file) ?? bySource.get(`${file}/README.md`) ??
    (path.startsWith("/") ? byPath.get(file) : undefined);
}
