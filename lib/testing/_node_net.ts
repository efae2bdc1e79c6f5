/**
 * `node:net`, whose sockets can be reset: those of Deno cannot. Loaded when it is used.
 *
 * @module
 */

/** The module. */
export const nodeNet = () => globalThis.process.getBuiltinModule("node:net");

/** A connection. */
export type NodeSocket = InstanceType<ReturnType<typeof nodeNet>["Socket"]>;

/** A listener. */
export type NodeServer = InstanceType<ReturnType<typeof nodeNet>["Server"]>;
