/** Whether a file from the network may have this name. */
export function isSafeName(name: string): boolean {
  if (!/^[\w-][\w.-]{0,99}$/.test(name) || name.endsWith(".")) return false;
  return !/^(con|prn|aux|nul)(\.|$)/i.test(name);
}
