/** How a run of the probe ended. */
export interface ProbeResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs the probe in a process of its own, with these flags and no others. */
export async function runProbe(
  flags: readonly string[],
  action: string,
  options: unknown,
  cwd?: string,
): Promise<ProbeResult> {
  const probe = new URL("./_probe.ts", import.meta.url).href;
  const command = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      "--no-config",
      "--no-check",
      ...flags,
      probe,
      action,
      JSON.stringify(options),
    ],
    cwd,
    env: { DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" },
    stdin: "null",
    signal: AbortSignal.timeout(20_000),
  });
  const { code, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  return {
    code,
    stdout: decoder.decode(stdout).trim(),
    stderr: decoder.decode(stderr).trim(),
  };
}
