/**
 * What the two sides say to each other: typed packets.
 *
 * A transfer is the same in both directions. The receiver says how much of it
 * is there already, the sender says where it begins, and between `begin` and
 * `digest` come the contents, in chunks (see `peer.ts`).
 *
 * ```text
 * client                server        client                server
 * put path        ----->              get path        ----->
 *                 <----- resume       resume          ----->
 * begin, contents                                     <----- begin, contents
 * digest          ----->                              <----- digest
 *                 <----- stored       stored          ----->
 * ```
 *
 * A client that has the time of its file says `offer` instead of `put`; where the server
 * has such a file, it answers `unchanged`, and nothing moves. In a list `attributes` may
 * come before an entry. Instead of any of these the server may say `refused`, and hangs up.
 *
 * @module
 */

import {
  bytes,
  enumOf,
  type InOf,
  lengthPrefixed,
  type OutOf,
  packets,
  struct,
  u16,
  u64,
  u8,
  union,
  utf8,
} from "@sluice/net/codec";

const TYPES = {
  put: 1,
  get: 2,
  list: 3,
  resume: 4,
  begin: 5,
  digest: 6,
  stored: 7,
  entry: 8,
  end: 9,
  refused: 10,
  offer: 11,
  unchanged: 12,
  attributes: 13,
};

const message = union({ type: enumOf(u8, TYPES) }, {
  /** The client has a file. */
  put: struct({ path: utf8(u16) }),
  /** The client wants a file. */
  get: struct({ path: utf8(u16) }),
  /** The client wants to know what is in a folder, or everywhere if `path` is empty. */
  list: struct({ path: utf8(u16) }),
  /** So much is there already, and this is its SHA-256. */
  resume: struct({ from: u64, sha256: bytes(32) }),
  /** The contents follow, from there on; 0 if what is there is of no use. */
  begin: struct({ from: u64, size: u64 }),
  /** SHA-256 of the whole file. */
  digest: struct({ sha256: bytes(32) }),
  /** The file has its name now. */
  stored: struct({ size: u64 }),
  /** A file of the list. */
  entry: struct({ path: utf8(u16), size: u64 }),
  /** End of the list. */
  end: struct({ files: u64 }),
  /** What was asked for cannot be done: why, for a person to read. */
  refused: struct({ reason: utf8(u16) }),
  /**
   * The client has a file, changed then (in milliseconds since 1970). The server takes it
   * also where it has one of that size and time if `again` is not 0.
   */
  offer: struct({
    path: utf8(u16),
    size: u64,
    modifiedMs: u64,
    mode: u16,
    again: u8,
  }),
  /** The server has it already, of that size. */
  unchanged: struct({ size: u64 }),
  /** Those of the entry that follows; 0 where they are not known. */
  attributes: struct({ modifiedMs: u64, mode: u16 }),
});

/** A message that came. */
export type Message = InOf<typeof message>;
/** A message to send. */
export type OutgoingMessage = OutOf<typeof message>;
/** A message that came, by its type. */
export type MessageOf<Type extends Message["type"]> = Extract<
  Message,
  { type: Type }
>;

/** Messages on a connection. Paths are short, so is everything else. */
export const messages = packets(
  message,
  lengthPrefixed({ maxFrameBytes: 16 * 1024 }),
);

/** Something cannot be done, for a reason that its user should read. */
export class Refusal extends Error {}
