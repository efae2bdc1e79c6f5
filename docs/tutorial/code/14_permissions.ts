import { permissionsFor } from "@sluice/net/permissions";

const plans = {
  "a server": permissionsFor({ port: 8888 }, { action: "listen" }),
  "its client": permissionsFor({ port: 8888 }, { action: "connect" }),
  "a client of the world": permissionsFor(
    { hostname: "example.com", port: 443, tls: true },
    { action: "connect" },
  ),
};
for (const [who, { flags }] of Object.entries(plans)) {
  console.log(`${who}: ${flags.join(" ")}`);
}
