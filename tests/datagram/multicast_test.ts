import { assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { BACKENDS, hasFlag } from "./_backends.ts";

const PROGRAM = fileURLToPath(new URL("_discovery.ts", import.meta.url));
const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Why there can be no network of the test's own; undefined where there can. */
async function whyNoNamespace(): Promise<string | undefined> {
  try {
    const { success, stderr } = await new Deno.Command("unshare", {
      args: ["-rn", "ip", "link", "set", "lo", "up"],
    }).output();
    return success ? undefined : new TextDecoder().decode(stderr).trim();
  } catch (error) {
    return `${error}`;
  }
}

const why = await whyNoNamespace();
if (why !== undefined) {
  // deno-lint-ignore no-console -- why a test is skipped
  console.log(`Skipped: multicast, as there is no network namespace: ${why}`);
}

/** Two that answer and one that looks for them, in a network that has nothing else. */
const SCRIPT = `
ip link set lo up
ip link set lo multicast on
ip route add 224.0.0.0/4 dev lo
folder=$(mktemp -d)
for name in one two; do
  mkfifo "$folder/$name"
  "$@" answer "$BACKEND" $name >"$folder/$name" &
done
exec 3<"$folder/one" 4<"$folder/two"
read -r line <&3 && read -r line <&4
"$@" ask "$BACKEND" 2
read -r line <&3 && echo "$line"
read -r line <&4 && echo "$line"
wait
rm -r "$folder"
`;

for (const backend of BACKENDS) {
  Deno.test(
    `members of a multicast group find each other between processes (${backend})`,
    {
      ignore: why !== undefined,
      timeout: 60_000,
    },
    async () => {
      const { stdout, stderr } = await new Deno.Command("unshare", {
        args: [
          ...["-rn", "bash", "-c", SCRIPT, "discovery"],
          ...[Deno.execPath(), "run", "--quiet", "--no-lock", "--no-check"],
          ...[...(hasFlag ? ["--unstable-net"] : []), "--allow-net", PROGRAM],
        ],
        cwd: ROOT,
        env: { NO_COLOR: "1", BACKEND: backend },
        signal: AbortSignal.timeout(50_000),
      }).output();
      const text = new TextDecoder();
      assertEquals(
        [text.decode(stdout), text.decode(stderr)],
        ["i am one, i am two\nleft\nleft\n", ""],
      );
    },
  );
}
