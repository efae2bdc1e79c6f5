import type { LoadResult, LoadWindow } from "./spec.ts";

/** A load whose connections are open: run it once. */
export type Load = (window: LoadWindow) => Promise<LoadResult>;
