/** A page of the site as it was built. */
interface BuiltPage {
  ids: Set<string>;
  links: string[];
  /** What the browser loads by itself. */
  loaded: string[];
  hasPolicy: boolean;
}

/**
 * Looks for links that lead nowhere, anchors included, and for what would be loaded from
 * another host.
 *
 * @param folder The site as it was built.
 * @param base The path that it is served under, with a slash at both ends.
 * @returns What is wrong, a line each.
 */
export async function checkSite(
  folder: string,
  base: string,
): Promise<string[]> {
  const files = new Set<string>();
  const pages = new Map<string, BuiltPage>();
  const problems: string[] = [];
  for await (const path of filesUnder(folder)) {
    files.add(path);
    if (!/\.(html|css|svg)$/.test(path)) continue;
    const text = await Deno.readTextFile(`${folder}/${path}`);
    if (path.endsWith(".html")) pages.set(path, readPage(text));
    for (const [, url] of text.matchAll(CSS_URL)) {
      if (/^(https?:)?\/\//.test(url)) {
        problems.push(`${path} loads ${url} from another host`);
      }
    }
  }
  for (const [path, page] of pages) {
    if (!page.hasPolicy) problems.push(`${path} has no security policy`);
    for (const url of page.loaded) {
      if (/^(https?:)?\/\//.test(url)) {
        problems.push(`${path} loads ${url} from another host`);
      } else if (!isThere(url, path, base, files, pages)) {
        problems.push(`${path} loads ${url}, which is not there`);
      }
    }
    for (const url of page.links) {
      if (!isThere(url, path, base, files, pages)) {
        problems.push(`${path} links to ${url}, which is not there`);
      }
    }
  }
  return problems;
}

const CSS_URL = /url\(["']?([^"')]+)/g;

async function* filesUnder(
  folder: string,
  prefix = "",
): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) {
      yield* filesUnder(`${folder}/${name}`, `${prefix}${name}/`);
    } else yield prefix + name;
  }
}

function readPage(html: string): BuiltPage {
  const page: BuiltPage = {
    ids: new Set(),
    links: [],
    loaded: [],
    hasPolicy: html.includes('http-equiv="Content-Security-Policy"'),
  };
  for (const [tag, name] of html.matchAll(/<([a-z][a-z0-9-]*)\s[^>]*>/g)) {
    for (const [, attribute, value] of tag.matchAll(/\s([a-z-]+)="([^"]*)"/g)) {
      const text = unescape(value);
      if (attribute === "id") page.ids.add(text);
      if (attribute === "href" && name === "a") page.links.push(text);
      else if (attribute === "href" && name === "link") page.loaded.push(text);
      if (attribute === "src") page.loaded.push(text);
    }
  }
  return page;
}

function unescape(value: string): string {
  return value.replaceAll("&quot;", '"').replaceAll("&#39;", "'")
    .replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}

function isThere(
  url: string,
  from: string,
  base: string,
  files: ReadonlySet<string>,
  pages: ReadonlyMap<string, BuiltPage>,
): boolean {
  // Other hosts are not asked.
  if (/^(https?|mailto|data):/.test(url)) return true;
  const here = new URL(`http://site${base}${from}`);
  const { pathname, hash } = new URL(url, here);
  if (!pathname.startsWith(base)) return false;
  const path = decodeURIComponent(pathname.slice(base.length));
  const file = [path, `${path}index.html`, `${path}.html`, `${path}/index.html`]
    .find((each) => files.has(each));
  if (file === undefined) return false;
  const page = pages.get(file);
  return hash === "" || page === undefined ||
    page.ids.has(decodeURIComponent(hash.slice(1)));
}
