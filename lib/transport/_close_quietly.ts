/**
 * Closes what may be closed already (a second close throws in Deno), or what fails to
 * close: there is nothing more to be done about it.
 */
export function closeQuietly(resource: { close(): void }): void {
  try {
    resource.close();
  } catch {
    // The error that led here is the one to report.
  }
}
