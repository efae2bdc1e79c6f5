/**
 * `GET` by a client that others use, on Node and on Deno:
 * `redis_get.js FOLDER LIBRARY PORT CALLERS`, with the folder whose `node_modules` has it.
 */
import process from "node:process";
import { createRequire } from "node:module";
import { runCallers } from "./callers.js";

const [folder, library, port, callers] = process.argv.slice(2);
const require = createRequire(`${folder}/`);

const open = {
  ioredis() {
    const { Redis } = require("ioredis");
    const redis = new Redis({ host: "127.0.0.1", port: Number(port) });
    return { get: (key) => redis.get(key), close: () => redis.quit() };
  },
  async "node-redis"() {
    const { createClient } = require("redis");
    const socket = { host: "127.0.0.1", port: Number(port) };
    const client = createClient({ socket });
    await client.connect();
    return { get: (key) => client.get(key), close: () => client.close() };
  },
};

const { get, close } = await open[library]();
await get("nothing"); // It is connected then.
await runCallers(Number(callers), get);
await close();
