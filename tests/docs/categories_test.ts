import { assertEquals, assertGreater } from "@std/assert";
import { readCategories } from "../../tools/_exports.ts";

/** Under which headings the API reference has the names of each entry point. */
const CATEGORIES = new Set([
  ...["Adapters", "Addresses", "Clients", "Conformance kits", "Datagrams"],
  ...[
    "Errors",
    "Faults",
    "Frames and codecs",
    "Hub",
    "Memory",
    "PROXY protocol",
  ],
  ...["Permissions", "Servers", "Simulations", "Sockets", "TLS", "Telemetry"],
  ...["Testing", "Time", "Traffic", "Transports", "Typed packets", "Workers"],
]);

Deno.test("every exported name has a category of the API reference", async () => {
  const names = Object.entries(await readCategories()).flatMap(
    ([entry, symbols]) =>
      Object.entries(symbols).map(([name, category]) => ({
        name: `${entry} ${name}`,
        category,
      })),
  );
  assertGreater(names.length, 300);
  assertEquals(
    names.filter(({ category }) => !CATEGORIES.has(category ?? "")),
    [],
    `Give each a tag \`@category\`: ${[...CATEGORIES].join(", ")}`,
  );
});
