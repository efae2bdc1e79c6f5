import type { Sidebars } from "./_navigation.ts";

/** What VitePress's configuration needs to know, in `site.json`. */
export interface SiteData {
  base: string;
  version: string;
  repository?: string;
  /** Whether there is a first page in Chinese. */
  hasChinese: boolean;
  sidebars: Sidebars;
}
