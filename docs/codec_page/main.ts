/**
 * The page as one file, which works without a server and without a network.
 *
 * @module
 */

import { button, element } from "./elements.ts";
import { mountCodecPage } from "./page.ts";

const system = matchMedia("(prefers-color-scheme: dark)");
const { classList } = document.documentElement;
const follow = () => classList.toggle("dark", system.matches);
system.addEventListener("change", follow);
follow();

const page = element("main");
document.body.replaceChildren(
  element(
    "header",
    {},
    element("h1", {}, "Frames in bytes"),
    button("Light or dark", () => classList.toggle("dark")),
  ),
  page,
);
mountCodecPage(page);
