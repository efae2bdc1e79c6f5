/**
 * The same commands to a real Redis and to the example: each reply must be the same.
 *
 * The commands of `STRINGS`, `KEYS` and `TRANSACTIONS` are those of Redis' own tests
 * (`unit/type/string`, `unit/keyspace`, `unit/scan`, `unit/expire` and `unit/multi`), as far as
 * the example has them.
 */

import { assertEquals } from "@std/assert";
import { lacksPrograms } from "../../_support/programs.ts";
import {
  Distinct,
  Failure,
  Pairs,
  Push,
  type Reply,
} from "../../../examples/redis/reply.ts";
import { startServer } from "../_example.ts";
import { RedisServer } from "./_redis_server.ts";
import { Speaker } from "./_speaker.ts";

const timeout = 60_000;
const ignore = lacksPrograms("redis-server");

/** A line: `2> GET a` is said by the second client, and by the first one where no number is. */
type Script = string;

const STRINGS: Script = `
SET x foobar
GET x
SET x ""
GET x
SETNX novar foobared
GET novar
SETNX novar blabla
SETEX foo 100 bar
TTL foo
SETEX foo -10 foobar
SETEX foo 0 bar
SETEX foo x bar
SETEX foo
PSETEX foo 100000 bar
TTL foo
PSETEX foo 0 bar
GETSET foo xyz
TTL foo
GETSET newfoo 1
GETDEL newfoo
GETDEL newfoo
GET newfoo
MSET k1 1 k2 2 k3 3
MGET k1 k2 nothing k3
MSET k1 1 k2
MSETNX k1 x k9 y
MSETNX k8 x k9 y
MGET k8 k9
APPEND foo bar
APPEND nofoo bar
APPEND nofoo 100
GET nofoo
STRLEN nofoo
STRLEN nothing
INCR counter
INCRBY counter 41
DECR counter
DECRBY counter 100
INCR foo
INCRBY counter x
DECRBY counter
SET n 007
INCR n
SET n " 11"
INCR n
SET n "11 "
INCR n
SET big 9999999999999999999999
INCR big
SET big 9007199254740991
INCR big
INCRBY big 1
DECRBY big 2
INCRBY big 9214364837600034816
INCR big
GET big
SET big -9223372036854775808
DECR big
DECRBY big -1
INCRBY big 9223372036854775807
INCRBY big 9223372036854775808
INCRBY big -09
GETRANGE big 0 9223372036854775807
SET big -1
DECRBY big 9223372036854775807
DECRBY big 1
SET big -1
DECRBY big -9223372036854775808
DECRBY big -9223372036854775807
MSETNX big 1 x
SET x bar NX PX x XX
SET x bar EXAT 99999999999999
SET x bar EX 9999999999999999
SET x bar EXAT 9223372036854775
SET x bar EXAT 9223372036854776
SET x bar PXAT 9223372036854775807
PERSIST x
SET x bar PXAT 9223372036854775808
SET x bar EX 9223372036854775
SET x bar PX 9223372036854775807
SET x bar PX 9221372036854775807
SETEX x 9223372036854775 bar
SETEX x 9221372036854775 bar
PSETEX x 9223372036854775807 bar
SET x bar NX
SET x bar XX
SET nothing bar XX
SET x bar2 XX GET
SET nx bar NX GET
SET nx2 bar GET
SET x bar EX 100
TTL x
SET x bar KEEPTTL
TTL x
SET x bar
TTL x
SET x bar EX 10 PX 10
SET x bar EX 10 KEEPTTL
SET x bar EX 0
SET x bar PX -1
SET x bar EX
SET x bar XX NX
SET x bar EXX 10
SET x bar EXAT 99999999999
TTL nothing
SET x bar PXAT 1
GET x
GETRANGE foo 0 3
SET r "Hello World"
GETRANGE r 0 3
GETRANGE r 0 -1
GETRANGE r -4 -1
GETRANGE r 5 3
GETRANGE r 5 5000
GETRANGE r -5000 10000
GETRANGE nothing 0 -1
GETRANGE r a b
get X
GET
GET a b
`;

const KEYS: Script = `
SET a 1
SET b 2
EXISTS a b a nothing
DEL a
DEL a b nothing
EXISTS a
SET a 1
UNLINK a nothing
TYPE a
SET a 1
TYPE a
TOUCH a nothing
EXPIRE a 100
TTL a
PERSIST a
TTL a
PERSIST a
PERSIST nothing
PTTL a
PTTL nothing
PEXPIRE a 100000
TTL a
EXPIRE nothing 10
EXPIRE a x
EXPIREAT a 99999999999
EXPIRE a 9223372036854775807
PEXPIRE a 9223372036854775807
PEXPIRE a 9221372036854775807
EXPIREAT a -9223372036854775808
EXPIREAT a -9223372036854775
SET a 1
EXPIREAT a 9223372036854775
EXPIREAT a 9223372036854776
PEXPIREAT a 9223372036854775807
PEXPIREAT a 9223372036854775808
PERSIST a
EXPIRE a -9223372036854776
EXPIRE nothing -9223372036854776
EXPIRE a -9223372036854775
EXISTS a
SET a 1
PEXPIREAT a -9223372036854775808
SET a 1
SET b 1 EX 100
PEXPIREAT b 0
SET b 1
EXPIRE b -1
DBSIZE
EXPIREAT a 1
EXISTS a
PEXPIREAT nothing 1
MSET key_x hello key_y hello key_z hello foo_a hello foo_b hello foo_c hello
KEYS foo*
KEYS *
KEYS key_?
KEYS key_[xy]
KEYS key_[^xy]
KEYS key_[w-y]
KEYS key_[y-w]
KEYS nothing*
KEYS foo\\_a
KEYS [fk]*_?
KEYS *_*_*
KEYS **a
KEYS ?
KEYS f[oo
KEYS foo_[]
KEYS foo_a\\
KEYS
DBSIZE
SCAN 0 COUNT 100
SCAN 0 MATCH key_* COUNT 100
SCAN 0 COUNT 100 TYPE string
SCAN 0 COUNT 100 TYPE list
SCAN x
SCAN 0 COUNT
SCAN 0 COUNT 0
SCAN 0 COUNT x
SCAN 0 FOO bar
FLUSHDB
DBSIZE
FLUSHALL ASYNC
FLUSHALL SYNC
FLUSHDB now
KEYS *
SCAN 0
SELECT 0
SELECT x
SELECT -1
PING
PING hello
PING a b
ECHO hello
ECHO
CLIENT SETNAME ann
CLIENT GETNAME
CLIENT SETNAME "a b"
CLIENT GETNAME
CLIENT SETNAME ""
CLIENT GETNAME
CLIENT
AUTH x y
AUTH default x
AUTH x
HELLO 4
HELLO x
CONFIG GET save
CONFIG GET appendonly
RESET
PING
`;

const TRANSACTIONS: Script = `
DEL mylist x y
SET x 1
SET y 2
MULTI
GET x
MGET x y
PING
EXEC
MULTI
SET x 5
DISCARD
GET x
MULTI
MULTI
GET x
EXEC
MULTI
SET foo bar
WATCH x
EXEC
EXEC
DISCARD
MULTI
SET foo1 bar1
non-existing-command
SET foo2 bar2
EXEC
EXISTS foo1 foo2
MULTI
GET
EXEC
MULTI
PING
EXEC
MULTI
EXEC
SET x 30
WATCH x
2> SET x 40
MULTI
PING
EXEC
MULTI
PING
EXEC
WATCH x
MULTI
PING
EXEC
SET x 30
WATCH a b x k z
2> SET x 40
MULTI
PING
EXEC
SET x 30
WATCH x
2> SET x 40
UNWATCH
MULTI
PING
EXEC
UNWATCH
WATCH x
DEL x
MULTI
PING
EXEC
WATCH x
2> FLUSHALL
MULTI
PING
EXEC
SET x 30
WATCH x
2> FLUSHALL
MULTI
PING
EXEC
SET x 30
WATCH x
2> FLUSHDB
MULTI
PING
EXEC
SET x foo
WATCH x
2> EXPIRE x 10
MULTI
PING
EXEC
SET x foo
WATCH x
2> SET x foo
DISCARD
MULTI
DISCARD
MULTI
INCR x
EXEC
WATCH x
MULTI
SET x 1
INCR x
EXEC
GET x
WATCH x
2> APPEND x 3
MULTI
GET x
EXEC
SET t 1
WATCH t
2> PEXPIREAT t 1
MULTI
PING
EXEC
WATCH
MULTI x
WATCH x
2> SET x 9
RESET
MULTI
GET x
EXEC
MULTI
SET x 10
RESET
GET x
EXEC
MULTI
UNWATCH
CLIENT GETNAME
ECHO "in it"
SELECT 0
EXEC
MULTI
SET a 1
EXEC x
EXEC
`;

const CHANNELS: Script = `
PUBLISH news hello
SUBSCRIBE news
SUBSCRIBE
PING
PING hello
UNSUBSCRIBE other
UNSUBSCRIBE
PING
UNSUBSCRIBE
GET nothing
`;

/** What is the same but for its words, and for the order of what has none. */
function essence(reply: Reply): unknown {
  if (reply instanceof Failure) {
    // What stands in a message may be of a later version; its kind is what counts.
    const { text } = reply;
    return /^ERR (unknown|Syntax|wrong|only|invalid exp)/i.test(text)
      ? text.slice(0, 11).toLowerCase()
      : text;
  }
  if (reply instanceof Pairs) return { pairs: reply.entries.map(essence) };
  if (reply instanceof Distinct) return { set: reply.items.map(essence) };
  if (reply instanceof Push) return { push: reply.items.map(essence) };
  return Array.isArray(reply) ? reply.map(essence) : reply;
}

/** What every reply to a script is. */
async function hear(
  port: number,
  script: Script,
  protocol: "2" | "3",
): Promise<[line: string, reply: unknown][]> {
  await using one = await Speaker.open(port);
  await using two = await Speaker.open(port);
  for (const each of [one, two]) await each.say("HELLO", protocol);
  await one.say("FLUSHALL");
  const replies: [string, unknown][] = [];
  for (const line of script.trim().split("\n")) {
    const [, second, words] = /^(2> )?(.*)$/.exec(line)!;
    const { splitWords } = await import("../../../examples/redis/words.ts");
    let reply = essence(
      await (second ? two : one).say(...splitWords(words)!),
    );
    // In no order.
    if (/^KEYS /.test(line) && Array.isArray(reply)) reply.sort();
    if (/^SCAN /.test(line) && Array.isArray(reply)) {
      reply = [reply[0], (reply[1] as string[]).toSorted()];
    }
    replies.push([line, reply]);
    // It spoke RESP 2 since.
    if (line === "RESET" && protocol === "3") await one.say("HELLO", "3");
  }
  return replies;
}

for (
  const [about, script] of Object.entries({
    strings: STRINGS,
    keys: KEYS,
    transactions: TRANSACTIONS,
    channels: CHANNELS,
  })
) {
  for (const protocol of ["2", "3"] as const) {
    Deno.test(
      `redis/server says what Redis says of ${about}, in RESP ${protocol}`,
      { timeout, ignore },
      async () => {
        await using real = await RedisServer.start();
        const { server, port } = await startServer("redis/server");
        await using _ = server;
        const expected = await hear(real.port, script, protocol);
        const actual = await hear(port, script, protocol);
        for (const [i, each] of actual.entries()) {
          assertEquals(each, expected[i]);
        }
      },
    );
  }
}
