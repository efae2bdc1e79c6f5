/**
 * `GET` by the client of `examples/redis/`: `redis_get.ts PORT CALLERS`.
 *
 * @module
 */

import { RedisClient } from "../../examples/redis/redis_client.ts";
import { runCallers } from "./callers.js";

const [port, callers] = Deno.args.map(Number);
await using redis = new RedisClient({ port });
await redis.connected();
await runCallers(callers, (key) => redis.get(key));
