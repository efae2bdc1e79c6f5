/**
 * What is kept of a file beside its contents: when it was changed last, and its mode.
 *
 * A mode of the network is a wish: of it only the permissions are taken, and of those no
 * more than a new file has here anyway, and the right to run it where it may be read.
 * Nothing becomes setuid, setgid, or writable for others.
 *
 * @module
 */

/** When a file was changed, and its mode; 0 where that is not known. */
export interface Attributes {
  /** In milliseconds since 1970. */
  modifiedMs: bigint;
  /** The bits of the system. */
  mode: number;
}

/** The permissions: no setuid, no setgid, no sticky bit. */
const PERMISSIONS = 0o777;
/** What its owner may always do: read it, and replace it. */
const OWNER = 0o600;
/** The end of the year 9999. What is later is no time of a file. */
const MAX_MS = 253_402_300_799_999;

/** The attributes of a file. */
export function attributesOf(
  { mtime, mode }: Pick<Deno.FileInfo, "mtime" | "mode">,
): Attributes {
  const ms = mtime?.getTime() ?? 0;
  return {
    modifiedMs: BigInt(isTime(ms) ? ms : 0),
    mode: (mode ?? 0) & PERMISSIONS,
  };
}

/** Whether a file that is here has the size of another one, and was changed when it was. */
export function isUnchanged(
  here: Pick<Deno.FileInfo, "isFile" | "size" | "mtime">,
  { size, modifiedMs }: { size: number; modifiedMs: bigint },
): boolean {
  return here.isFile && here.size === size && isTime(Number(modifiedMs)) &&
    here.mtime?.getTime() === Number(modifiedMs);
}

/** Gives a file that is still open the attributes of another one, as far as is safe. */
export async function keepAttributes(
  file: Deno.FsFile,
  path: string,
  { modifiedMs, mode }: Attributes,
): Promise<void> {
  const info = await file.stat();
  if (info.mode !== null && (mode & PERMISSIONS) !== 0) {
    await Deno.chmod(path, permitted(info.mode, mode));
  }
  const ms = Number(modifiedMs);
  if (isTime(ms)) await file.utime(new Date(), new Date(ms));
}

/** The permissions of `wanted` that are no more than those of a new file. */
export function permitted(ofNew: number, wanted: number): number {
  const readable = ofNew & 0o444;
  return (ofNew | readable >> 2) & wanted & PERMISSIONS | ofNew & OWNER;
}

function isTime(ms: number): boolean {
  return ms > 0 && ms <= MAX_MS;
}
