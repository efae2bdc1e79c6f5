/** What a process has used so far. */
export interface Usage {
  /** User and system time of all its threads, in milliseconds. */
  cpuMs: number;
  /** Resident memory, in KiB. */
  residentKiB: number;
}

/** Linux tells every program the same, whatever its kernel's clock. */
const TICKS_PER_SECOND = 100;

/**
 * What a process of ours has used, as the operating system counts it.
 *
 * @returns Nothing where the system has neither `/proc` nor `ps`.
 */
export async function usageOf(pid: number): Promise<Usage | undefined> {
  if (Deno.build.os === "linux") {
    return parseProc(
      Deno.readTextFileSync(`/proc/${pid}/stat`),
      Deno.readTextFileSync(`/proc/${pid}/status`),
    );
  }
  if (Deno.build.os === "windows") return undefined;
  const { stdout } = await new Deno.Command("ps", {
    args: ["-o", "cputime=,rss=", "-p", String(pid)],
  }).output();
  return parsePs(new TextDecoder().decode(stdout));
}

/** Reads `/proc/PID/stat` and `/proc/PID/status`. */
export function parseProc(stat: string, status: string): Usage {
  // The second field is the program's name, which may hold spaces and brackets.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[11]) + Number(fields[12]);
  const resident = /^VmRSS:\s+(\d+) kB$/m.exec(status);
  return {
    cpuMs: ticks * 1000 / TICKS_PER_SECOND,
    residentKiB: Number(resident?.[1]),
  };
}

/** Reads a line of `ps -o cputime=,rss=`: `[[days-]hours:]minutes:seconds KiB`. */
export function parsePs(line: string): Usage | undefined {
  const match = /^\s*(?:(\d+)-)?([\d:.]+)\s+(\d+)\s*$/.exec(line);
  if (match === null) return undefined;
  const [, days = "0", clock, resident] = match;
  const seconds = clock.split(":").reduce(
    (sum, part) => sum * 60 + Number(part),
    0,
  );
  return {
    cpuMs: Math.round((Number(days) * 86_400 + seconds) * 1000),
    residentKiB: Number(resident),
  };
}
