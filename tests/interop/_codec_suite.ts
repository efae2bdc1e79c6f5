/**
 * What runs in other runtimes, bundled: every codec under the conformance kit, and both
 * streams.
 *
 * @module
 */

import { type Codec, decodeStream, encodeStream } from "../../lib/codec/mod.ts";
import { checkCodec } from "../../lib/testing/check_codec.ts";
import { SUBJECTS } from "../codec/_codecs.ts";

/** What it came to. */
export interface SuiteReport {
  /** Codecs that were checked. */
  checked: number;
  /** Frames that went through streams. */
  streamed: number;
  failures: string[];
}

/** Each codec once: the policies are the same code everywhere. */
const ONE_POLICY = /: (skip|truncate)|(emit|drop)$/;

async function streamFrames(
  codec: Codec<unknown>,
  samples: readonly unknown[],
): Promise<number> {
  // Not `ReadableStream.from` and `for await`: browsers and Node 20 lack one of them.
  const rest = [...samples];
  const frames = new ReadableStream<unknown>({
    pull(controller) {
      if (rest.length === 0) controller.close();
      else controller.enqueue(rest.shift());
    },
  });
  const reader = frames.pipeThrough(encodeStream(codec))
    .pipeThrough(decodeStream(codec)).getReader();
  let count = 0;
  while (!(await reader.read()).done) count++;
  return count;
}

async function run(): Promise<SuiteReport> {
  const report: SuiteReport = { checked: 0, streamed: 0, failures: [] };
  for (const { name, codec, samples, options } of SUBJECTS) {
    if (ONE_POLICY.test(name)) continue;
    try {
      checkCodec(codec, samples, options);
      const count = await streamFrames(codec, samples);
      if (count !== samples.length) throw new Error(`${count} frames`);
      report.streamed += count;
    } catch (error) {
      report.failures.push(`${name}: ${error}`);
    }
    report.checked++;
  }
  return report;
}

const report = run();
// For a page, which has no standard output.
Object.assign(globalThis, { codecSuite: report });
report.then((report) => console.log(JSON.stringify(report)));
