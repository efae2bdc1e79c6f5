/**
 * A server whose worker presses Ctrl-C at it before it serves.
 *
 * @module
 */

import { superviseWorkers } from "../../examples/_workers.ts";

await superviseWorkers({ port: 0 }, {
  module: import.meta.resolve("./_interrupting_worker.ts"),
  workers: 1,
  front: { settings: {}, files: [] } as never,
  permissions: ["--allow-run"],
});
