import { fileURLToPath } from "node:url";
import {
  type DefaultTheme,
  defineConfig,
  type HeadConfig,
  type LocaleSpecificConfig,
} from "vitepress";
import { createCssVariablesTheme } from "shiki";
import { anchorOf } from "../../tools/site/_markdown.ts";
import type { SiteData } from "../../tools/site/_site_data.ts";
import { separateWords } from "./words.ts";

// Set by `deno task site`.
const pages = Deno.env.get("SITE_PAGES");
const out = Deno.env.get("SITE_OUT");
if (pages === undefined || out === undefined) {
  throw new Error("Cannot make the site: run deno task site");
}
const data: SiteData = JSON.parse(Deno.readTextFileSync(`${pages}/site.json`));

/** Stands in for parts of VitePress's theme. */
const ABSENT = fileURLToPath(new URL("theme/absent.ts", import.meta.url));

/** What a page may load: what comes from the same host, whatever is written into it. */
const POLICY = [
  "default-src 'self'",
  "img-src 'self' data:",
  "style-src 'self' 'unsafe-inline'",
  // VitePress has a few lines of script in each page: the theme, the names of its files.
  "script-src 'self' 'unsafe-inline'",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

const head: HeadConfig[] = [
  ["meta", { "http-equiv": "Content-Security-Policy", content: POLICY }],
  ["link", {
    rel: "icon",
    href: `${data.base}logo.svg`,
    type: "image/svg+xml",
  }],
  ["meta", { name: "theme-color", content: "#0e7490" }],
];

/** The link to the repository, where it is known. */
const source = data.repository === undefined
  ? []
  : [{ text: "GitHub", link: data.repository.replace(/\/blob\/.*$/, "") }];

const nav: DefaultTheme.NavItem[] = [
  { text: "Guides", link: "/guides/introduction", activeMatch: "^/guides/" },
  ...has("/tutorial/", "Tutorial"),
  { text: "API", link: "/api/", activeMatch: "^/api/" },
  { text: "Frames in bytes", link: "/codec" },
  { text: "Examples", link: "/examples/", activeMatch: "^/examples/" },
  { text: "Benches", link: "/benches/" },
  {
    text: `v${data.version}`,
    items: [
      { text: "Changelog", link: "/project/changelog" },
      { text: "Contributing", link: "/project/contributing" },
      { text: "Security", link: "/project/security" },
      ...source,
    ],
  },
];

/** A menu's line, where there are such pages. */
function has(folder: string, text: string): DefaultTheme.NavItem[] {
  const [link] = (data.sidebars[folder] ?? []).flatMap(({ items = [] }) =>
    items.flatMap(({ link = [] }) => link)
  );
  return link === undefined ? [] : [{ text, link, activeMatch: `^${folder}` }];
}

/** What is in Chinese besides the pages. */
const CHINESE: LocaleSpecificConfig<DefaultTheme.Config> & { label: string } = {
  label: "简体中文",
  lang: "zh-CN",
  description: "Deno 的异步套接字",
  themeConfig: {
    nav: [
      { text: "简介", link: "/zh/" },
      ...has("/zh/", "教程"),
      { text: "API", link: "/api/" },
      { text: "看字节里的帧", link: "/codec" },
    ],
    outline: { label: "本页目录", level: [2, 3] },
    docFooter: { prev: "上一页", next: "下一页" },
    darkModeSwitchLabel: "主题",
    lightModeSwitchTitle: "切换到浅色",
    darkModeSwitchTitle: "切换到深色",
    sidebarMenuLabel: "目录",
    returnToTopLabel: "回到顶部",
    langMenuLabel: "语言",
    skipToContentLabel: "跳到正文",
  },
};

export default defineConfig({
  title: "Sluice",
  description:
    "Async sockets for Deno: servers that last, timeouts that lose no bytes, frames and typed packets",
  base: data.base,
  srcDir: pages,
  outDir: out,
  head,
  lastUpdated: false,
  // `deno task site` looks for them itself, and at anchors too.
  ignoreDeadLinks: true,
  markdown: {
    anchor: { slugify: anchorOf },
    // Its colours are in theme/style.css, light and dark: two themes take twice the time.
    theme: createCssVariablesTheme(),
    languageAlias: { haproxy: "nginx" },
  },
  locales: {
    root: { label: "English", lang: "en" },
    ...(data.hasChinese ? { zh: CHINESE } : {}),
  },
  themeConfig: {
    logo: "/logo.svg",
    nav,
    sidebar: data.sidebars,
    // Most pages are in one language.
    i18nRouting: false,
    outline: { level: [2, 3] },
    externalLinkIcon: true,
    search: {
      provider: "local",
      options: {
        // Blocks of code would be highlighted once more, and have few words.
        _render(source, env, md) {
          const prose = source.replaceAll(
            /^( *)(`{3,})[^\n]*\n[^]*?^ *\2`*$/gm,
            "",
          );
          const html = md.render(prose, env);
          return env.relativePath.startsWith("zh/")
            ? separateWords(html)
            : html;
        },
        locales: {
          zh: {
            translations: {
              button: { buttonText: "搜索", buttonAriaLabel: "搜索" },
              modal: {
                displayDetails: "显示详情",
                resetButtonTitle: "清除",
                backButtonTitle: "关闭",
                noResultsText: "没有结果",
                footer: {
                  selectText: "选择",
                  navigateText: "移动",
                  closeText: "关闭",
                },
              },
            },
          },
        },
      },
    },
  },
  vite: {
    resolve: {
      alias: [
        // Parts of the theme that could ask other hosts: the search of Algolia's, and icons
        // that the page does not carry.
        { find: /^.*\/VPAlgoliaSearchBox\.vue$/, replacement: ABSENT },
        { find: /^.*\/VPSocialLink\.vue$/, replacement: ABSENT },
      ],
    },
    build: { chunkSizeWarningLimit: 10_000, target: "es2022" },
  },
});
