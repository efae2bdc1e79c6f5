import type { Theme } from "vitepress";
import DefaultTheme from "vitepress/theme";
import { tokenize } from "../words.ts";
import CodecPage from "./codec_page.ts";
import "./style.css";

const theme: Theme = {
  extends: DefaultTheme,
  enhanceApp({ app, siteData }) {
    app.component("CodecPage", CodecPage);
    // Not in the configuration: it is sent as JSON, and a function in it as text to be run,
    // which the pages' policy forbids.
    const { search } = siteData.value.themeConfig;
    search.options.miniSearch = { options: { tokenize } };
  },
};

export default theme;
