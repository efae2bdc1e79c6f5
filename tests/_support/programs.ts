/**
 * Finds the programs that the interoperability tests talk to.
 *
 * ```ts ignore
 * Deno.test("lines() reads what socat sends", {
 *   ignore: lacksPrograms("socat"),
 *   timeout: 10_000,
 * }, async () => {
 *   const child = new Deno.Command(program("socat"), { ... }).spawn();
 * });
 * ```
 *
 * On a developer's machine such a test is skipped where the program is missing, and
 * says so. In CI on Linux, where `.ci/run` installs them all, a missing program is a
 * failed test: otherwise an interoperability suite could pass by never running.
 *
 * @module
 */

/** The Debian package of each program whose package has another name. */
const DEBIAN_PACKAGES: Record<string, string> = {
  danted: "dante-server",
  dig: "bind9-dnsutils",
  logger: "bsdutils",
  mosquitto_passwd: "mosquitto",
  mosquitto_pub: "mosquitto-clients",
  mosquitto_sub: "mosquitto-clients",
  nc: "netcat-openbsd",
  node: "nodejs",
  initdb: "postgresql",
  postgres: "postgresql",
  "redis-benchmark": "redis-tools",
  "redis-cli": "redis-tools",
  sha256sum: "coreutils",
};

const reported = new Set<string>();

/**
 * The path of a program, or undefined.
 *
 * @param name Its name, without an ending.
 * @param searchPath Where to look, in the manner of the PATH, which is the default, with
 * where Debian keeps the servers of PostgreSQL.
 */
export function findProgram(
  name: string,
  searchPath: string = `${Deno.env.get("PATH") ?? ""}:${postgresPath()}`,
): string | undefined {
  const windows = Deno.build.os === "windows";
  const folders = searchPath.split(windows ? ";" : ":");
  const endings = windows ? [".exe", ".cmd", ".bat"] : [""];
  for (const folder of folders) {
    if (folder === "") continue;
    for (const ending of endings) {
      const path = `${folder}/${name}${ending}`;
      if (isExecutable(path, windows)) return path;
    }
  }
  return undefined;
}

function postgresPath(): string {
  const root = "/usr/lib/postgresql";
  try {
    return [...Deno.readDirSync(root)]
      .map(({ name }) => `${root}/${name}/bin`).join(":");
  } catch {
    return "";
  }
}

/** The path of a program that is known to be there. */
export function program(name: string): string {
  const path = findProgram(name);
  if (path === undefined) {
    throw new Error(
      `Cannot run ${name}: it is not on the PATH (${howToInstall(name)})`,
    );
  }
  return path;
}

/**
 * Whether one of these programs is missing, for a test's `ignore`.
 *
 * Reports each missing one once per test file: in words, or in CI on Linux as a test
 * that fails. Call it while the file loads.
 */
export function lacksPrograms(...names: string[]): boolean {
  const missing = names.filter((name) => findProgram(name) === undefined);
  for (const name of missing) {
    if (reported.has(name)) continue;
    reported.add(name);
    if (mustHavePrograms()) {
      Deno.test(`${name} is installed, as CI needs it`, () => {
        program(name);
      });
    } else {
      console.log(
        `skipping the tests that need ${name}: ${howToInstall(name)}`,
      );
    }
  }
  return missing.length > 0;
}

/** Whether a missing program is an error: in CI, on the system CI installs them on. */
function mustHavePrograms(): boolean {
  const ci = Deno.env.get("CI");
  return Deno.build.os === "linux" && ci !== undefined && ci !== "" &&
    ci !== "false";
}

function howToInstall(name: string): string {
  return `apt-get install ${DEBIAN_PACKAGES[name] ?? name}, for example`;
}

function isExecutable(path: string, windows: boolean): boolean {
  try {
    const { isFile, mode } = Deno.statSync(path);
    return isFile && (windows || ((mode ?? 0) & 0o111) !== 0);
  } catch {
    // Folders of the PATH may be missing or closed to us.
    return false;
  }
}
