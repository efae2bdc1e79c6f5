import type { ApiEntry } from "./_api_pages.ts";
import type { Page } from "./_page.ts";

/** A line of a menu, in VitePress's form. */
export interface MenuItem {
  text: string;
  link?: string;
  items?: MenuItem[];
  collapsed?: boolean;
}

/** The menus beside the pages, by the folder that they are in. */
export type Sidebars = Record<string, MenuItem[]>;

/**
 * The order of the guides. One that is not listed stands at the end, under "More".
 *
 * Files of docs/, without the ending.
 */
const GUIDES: readonly [group: string, names: readonly string[]][] = [
  ["Start", [
    "introduction",
    "from-deno",
    "from-node",
    "from-python",
    "migration",
  ]],
  ["Frames", ["codecs", "protocols"]],
  ["Servers", [
    "production",
    "workers",
    "shutdown",
    "limits",
    "tls",
    "hub",
    "scaling",
  ]],
  ["Clients and more", ["clients", "adapters", "datagrams"]],
  ["Reference", ["errors", "options", "testing", "reliability"]],
  ["Inside", ["architecture", "performance"]],
];

/** The menus of the whole site. */
export function sidebars(
  pages: readonly Page[],
  entries: readonly ApiEntry[],
): Sidebars {
  const under = (folder: string) =>
    pages.filter(({ path }) => path.startsWith(folder));
  return {
    "/guides/": guideMenu(under("guides/")),
    "/project/": under("project/").map(item),
    "/tutorial/": [{ text: "Tutorial", items: indexFirst(under("tutorial/")) }],
    "/zh/": [{ text: "教程", items: indexFirst(under("zh/tutorial/")) }],
    "/examples/": [{ text: "Examples", items: indexFirst(under("examples/")) }],
    "/api/": [
      { text: "API reference", link: "/api/" },
      ...entries.map(entryMenu),
    ],
  };
}

/** Menus are narrow: what stands behind a colon is left out. */
function item({ title, path }: Page): MenuItem {
  return { text: title.replace(/[:：].*/, ""), link: linkOf(path) };
}

/** `guides/codecs.md` is `/guides/codecs`, `api/index.md` is `/api/`. */
export function linkOf(path: string): string {
  return `/${path.replace(/(^|\/)index\.md$/, "$1").replace(/\.md$/, "")}`;
}

function guideMenu(guides: readonly Page[]): MenuItem[] {
  const byName = new Map(
    guides.map((page) => [page.path.replace(/^guides\/|\.md$/g, ""), page]),
  );
  const menu = GUIDES.map(([text, names]) => ({
    text,
    items: names.flatMap((name) => {
      const page = byName.get(name);
      byName.delete(name);
      return page === undefined ? [] : [item(page)];
    }),
  }));
  menu.push({ text: "More", items: [...byName.values()].map(item) });
  return menu.filter(({ items }) => items.length > 0);
}

function indexFirst(pages: readonly Page[]): MenuItem[] {
  const isIndex = ({ path }: Page) => path.endsWith("/index.md");
  return [...pages.filter(isIndex), ...pages.filter((page) => !isIndex(page))]
    .map(item);
}

function entryMenu({ specifier, path, groups }: ApiEntry): MenuItem {
  return {
    text: specifier,
    link: linkOf(path),
    collapsed: true,
    items: groups.map(({ title, links }) => ({
      text: title,
      collapsed: true,
      items: links.map(({ text, path }) => ({ text, link: linkOf(path) })),
    })),
  };
}
