/**
 * The commands of `examples/redis/` that `redis-benchmark` asks for, as an experienced user of
 * `node:net` writes them: no-delay, bytes parsed in place, one write for each chunk that
 * came, and a pause where the client does not read.
 *
 * ```sh
 * node bench/peers_redis/node_net.js 0   # prints the port
 * ```
 */
import net from "node:net";
import process from "node:process";

const CR = 13;
const LF = 10;
const MAX_BYTES = 1024 * 1024;

const values = new Map();
const expiries = new Map();

function lookup(key) {
  const at = expiries.get(key);
  if (at !== undefined && at <= Date.now()) {
    expiries.delete(key);
    values.delete(key);
  }
  return values.get(key);
}

function bulk(text) {
  return text === undefined ? "$-1\r\n" : `$${text.length}\r\n${text}\r\n`;
}

function add(key, step) {
  const sum = Number(lookup(key) ?? "0") + step;
  if (!Number.isSafeInteger(sum)) return "-ERR value is not an integer\r\n";
  values.set(key, String(sum));
  return `:${sum}\r\n`;
}

function set(args) {
  let expiry;
  let only;
  for (let i = 3; i < args.length; i++) {
    const option = args[i].toUpperCase();
    if (option === "EX") expiry = Date.now() + 1000 * Number(args[++i]);
    else if (option === "PX") expiry = Date.now() + Number(args[++i]);
    else if (option === "NX" || option === "XX") only = option;
    else return "-ERR syntax error\r\n";
  }
  if (only !== undefined && values.has(args[1]) !== (only === "XX")) {
    return "$-1\r\n";
  }
  values.set(args[1], args[2]);
  if (expiry !== undefined) expiries.set(args[1], expiry);
  else expiries.delete(args[1]);
  return "+OK\r\n";
}

function run(args) {
  switch (args[0].toUpperCase()) {
    case "PING":
      return args.length > 1 ? bulk(args[1]) : "+PONG\r\n";
    case "ECHO":
      return bulk(args[1]);
    case "GET":
      return bulk(lookup(args[1]));
    case "SET":
      return set(args);
    case "MSET":
      for (let i = 1; i < args.length; i += 2) values.set(args[i], args[i + 1]);
      return "+OK\r\n";
    case "DEL": {
      let count = 0;
      for (let i = 1; i < args.length; i++) {
        if (values.delete(args[i])) count++;
      }
      return `:${count}\r\n`;
    }
    case "INCR":
      return add(args[1], 1);
    case "DECR":
      return add(args[1], -1);
    case "EXPIRE":
      if (lookup(args[1]) === undefined) return ":0\r\n";
      expiries.set(args[1], Date.now() + 1000 * Number(args[2]));
      return ":1\r\n";
    case "CONFIG":
      return "*0\r\n";
    default:
      return `-ERR unknown command '${args[0]}'\r\n`;
  }
}

/** Reads numbers and strings off a buffer; `at` is -1 where it is not whole. */
class Parser {
  bytes = Buffer.alloc(0);
  at = 0;

  number() {
    const { bytes } = this;
    let value = 0;
    for (let i = this.at + 1; i < bytes.length; i++) {
      const byte = bytes[i];
      if (byte === CR) {
        if (i + 1 >= bytes.length) return -1;
        this.at = i + 2;
        return value;
      }
      if (byte < 48 || byte > 57) throw new Error("invalid length");
      value = value * 10 + byte - 48;
    }
    return -1;
  }

  /** The next command, or undefined if it is not whole. */
  next() {
    const { bytes } = this;
    if (this.at >= bytes.length) return undefined;
    if (bytes[this.at] !== 42) return this.inline();
    const start = this.at;
    const count = this.number();
    const args = [];
    while (count >= 0 && args.length < count) {
      if (this.at >= bytes.length) break;
      const size = this.number();
      if (size < 0 || this.at + size + 2 > bytes.length) break;
      args.push(bytes.toString("latin1", this.at, this.at + size));
      this.at += size + 2;
    }
    if (args.length === count) return args;
    this.at = start;
    return undefined;
  }

  inline() {
    const end = this.bytes.indexOf(LF, this.at);
    if (end < 0) return undefined;
    const line = this.bytes.toString("latin1", this.at, end).trim();
    this.at = end + 1;
    return line.split(" ");
  }

  rest() {
    return this.bytes.subarray(this.at);
  }
}

const server = net.createServer({ noDelay: true }, (socket) => {
  let unread;
  const parser = new Parser();
  socket.on("error", () => {});
  socket.on("drain", () => socket.resume());
  socket.on("data", (chunk) => {
    parser.bytes = unread === undefined
      ? chunk
      : Buffer.concat([unread, chunk]);
    parser.at = 0;
    let replies = "";
    try {
      for (let args; (args = parser.next()) !== undefined;) {
        replies += run(args);
      }
    } catch (error) {
      socket.end(`-ERR Protocol error: ${error.message}\r\n`);
      return;
    }
    const rest = parser.rest();
    unread = rest.length > 0 ? rest : undefined;
    if (rest.length > MAX_BYTES) {
      socket.destroy();
      return;
    }
    if (replies !== "" && !socket.write(replies, "latin1")) socket.pause();
  });
});
server.listen(Number(process.argv[2] ?? 0), "127.0.0.1", () => {
  console.log(`listening on 127.0.0.1:${server.address().port}`);
});
