// What the project uses of @std/streams; the npm package comes without types.
// Signatures follow the original, so that what checks here checks there.

type Bytes = Uint8Array<ArrayBuffer>;

export type DelimiterDisposition = "suffix" | "prefix" | "discard";

export interface DelimiterStreamOptions {
  disposition?: DelimiterDisposition;
}

export class DelimiterStream extends TransformStream<Bytes, Bytes> {
  constructor(delimiter: Uint8Array, options?: DelimiterStreamOptions);
}

export class TextDelimiterStream extends TransformStream<string, string> {
  constructor(delimiter: string, options?: DelimiterStreamOptions);
}

export interface TextLineStreamOptions {
  allowCR?: boolean;
}

export class TextLineStream extends TransformStream<string, string> {
  constructor(options?: TextLineStreamOptions);
}

export interface LimitedStreamOptions {
  error?: boolean;
}

export class LimitedBytesTransformStream extends TransformStream<Bytes, Bytes> {
  constructor(size: number, options?: LimitedStreamOptions);
}

export class LimitedTransformStream<T> extends TransformStream<T, T> {
  constructor(size: number, options?: LimitedStreamOptions);
}

export class ByteSliceStream extends TransformStream<Bytes, Bytes> {
  constructor(start?: number, end?: number);
}

export function concatReadableStreams<T>(
  ...streams: ReadableStream<T>[]
): ReadableStream<T>;
export function mergeReadableStreams<T>(
  ...streams: ReadableStream<T>[]
): ReadableStream<T>;
export function zipReadableStreams<T>(
  ...streams: ReadableStream<T>[]
): ReadableStream<T>;
export function earlyZipReadableStreams<T>(
  ...streams: ReadableStream<T>[]
): ReadableStream<T>;

export function toArrayBuffer(
  stream: ReadableStream<Uint8Array>,
): Promise<ArrayBuffer>;
export function toBlob(stream: ReadableStream<Uint8Array>): Promise<Blob>;
export function toBytes(stream: ReadableStream<Uint8Array>): Promise<Bytes>;
export function toJson(
  stream: ReadableStream<string> | ReadableStream<Uint8Array>,
): Promise<unknown>;
export function toText(
  stream: ReadableStream<string> | ReadableStream<Uint8Array>,
): Promise<string>;
export function toTransformStream<I, O>(
  transformer: (source: ReadableStream<I>) => Iterable<O> | AsyncIterable<O>,
  writableStrategy?: QueuingStrategy<I>,
  readableStrategy?: QueuingStrategy<O>,
): TransformStream<I, O>;
