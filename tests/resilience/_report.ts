/**
 * What a file of the bad-day suite did to the code, in one line at its end.
 *
 * @module
 */

/** Counts of one test file. */
export interface Report {
  /** Things done to a server or a client that should not happen. */
  faults: number;
  /** Inputs that no decoder should accept. */
  badInputs: number;
  /** Bytes of which the other side said, in one way or another, that it has them. */
  bytesAcknowledged: number;
  /** Bytes of those that it does not have. */
  bytesLost: number;
  /** Connections made. */
  connections: number;
}

const COUNT = new Intl.NumberFormat("en");

/** Begins the counts of a test file, which are printed when its tests are done. */
export function beginReport(title: string): Report {
  const report: Report = {
    faults: 0,
    badInputs: 0,
    bytesAcknowledged: 0,
    bytesLost: 0,
    connections: 0,
  };
  Deno.test.afterAll(() => {
    console.log(
      `${title}: ${COUNT.format(report.connections)} connections, ` +
        `${COUNT.format(report.faults)} faults injected, ` +
        `${COUNT.format(report.badInputs)} bad inputs tried, ` +
        `${COUNT.format(report.bytesAcknowledged)} bytes acknowledged, ` +
        `${COUNT.format(report.bytesLost)} lost`,
    );
    if (report.bytesLost > 0) throw new Error("Acknowledged bytes were lost");
  });
  return report;
}
