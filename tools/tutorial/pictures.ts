/**
 * The pictures of the tutorial.
 *
 * @module
 */

import type { Picture, Text } from "./picture.ts";

const CLIENT: Text = ["client", "客户端"];
const SERVER: Text = ["server", "服务器"];

/** All pictures, by chapter. */
export const PICTURES: readonly Picture[] = [
  {
    name: "01-life",
    title: ["The seven steps of a TCP connection", "一条 TCP 连接的七个步骤"],
    lanes: [CLIENT, SERVER],
    rows: [
      {
        at: 1,
        text: ["1 create · 2 bind · 3 listen", "1 创建 · 2 绑定 · 3 监听"],
      },
      { at: 0, text: ["1 create · 5 connect", "1 创建 · 5 连接"] },
      { from: 0, to: 1, text: "SYN", tone: "plain" },
      { from: 1, to: 0, text: "SYN + ACK", tone: "plain" },
      { from: 0, to: 1, text: "ACK", tone: "plain" },
      {
        at: 1,
        text: ["4 accept: a new socket", "4 接受：得到一个新套接字"],
        tone: "good",
      },
      { from: 0, to: 1, text: ["6 exchange: hello\\n", "6 收发：hello\\n"] },
      {
        from: 1,
        to: 0,
        text: ["6 exchange: you said hello\\n", "6 收发：you said hello\\n"],
      },
      { from: 0, to: 1, text: ["7 close: FIN", "7 关闭：FIN"], tone: "c" },
      { at: 1, text: ["reads the end", "读到结尾"] },
      { from: 1, to: 0, text: ["7 close: FIN", "7 关闭：FIN"], tone: "c" },
    ],
  },
  {
    name: "02-stream",
    title: [
      "Two writes arrive as one read, or as three",
      "两次写入可能一次读到，也可能分三次读到",
    ],
    lanes: [],
    rows: [
      {
        label: ["the client writes two messages", "客户端写出两条消息"],
        bytes: [..."hello"].map((c) => [c, "a"] as [string, "a"]).concat(
          [..."world"].map((c) => [c, "b"] as never),
        ),
        text: [
          'write("hello"), write("world")',
          'write("hello")，write("world")',
        ],
      },
      {
        label: [
          "TCP carries bytes, and no borders between messages",
          "TCP 只传字节，不传消息之间的边界",
        ],
        bytes: [..."helloworld"].map((c) => [c, "plain"] as [string, "plain"]),
        text: [
          'one read may give all ten, or "hel", "lowo", "rld"',
          '一次 read 可能读到全部十个字节，也可能是 "hel"、"lowo"、"rld"',
        ],
      },
      {
        label: [
          "framing: a length before each message",
          "分帧：在每条消息前写上长度",
        ],
        bytes: [
          ["00 05", "c"],
          ...[..."hello"].map((c) => [c, "a"] as [string, "a"]),
          ["00 05", "c"],
          ...[..."world"].map((c) => [c, "b"] as [string, "b"]),
        ],
        text: [
          "the receiver knows where each message ends",
          "接收方知道每条消息在哪里结束",
        ],
      },
    ],
  },
  {
    name: "02-struct",
    title: ["The bytes of a packet", "一个数据包的字节"],
    lanes: [],
    rows: [
      {
        bytes: [
          ["00 0c", "c"],
          ["01", "a"],
          ["00 07", "b"],
          ["k i t c h e n", "b"],
          ["00 d7", "a"],
        ],
        text: [
          "length 12 · version u8 · name: its length u16, then UTF-8 · tenths of a degree i16",
          "长度 12 · version u8 · name：先是 u16 长度，再是 UTF-8 · 十分之一度 i16",
        ],
      },
    ],
  },
  {
    name: "03-timeout",
    title: [
      "A read that times out, and the answer that comes later",
      "一次超时的读取，和之后才到的应答",
    ],
    lanes: [CLIENT, SERVER],
    rows: [
      { from: 0, to: 1, text: "question 1" },
      { at: 0, text: ["read, at most 100 ms", "读取，最多等 100 毫秒"] },
      { at: 1, text: ["works for 300 ms", "处理 300 毫秒"] },
      { at: 0, text: "TimeoutError", tone: "bad" },
      { from: 1, to: 0, text: "answer 1" },
      {
        at: 0,
        text: [
          "the next read gets answer 1: nothing is lost",
          "下一次读取得到 answer 1：什么都没丢",
        ],
        tone: "good",
      },
    ],
  },
  {
    name: "04-backpressure",
    title: [
      "A receiver that does not read holds the sender up",
      "接收方不读取时，发送方被迫等待",
    ],
    lanes: [["sender", "发送方"], ["receiver", "接收方"]],
    rows: [
      { from: 0, to: 1, text: ["data", "数据"] },
      { from: 0, to: 1, text: ["data", "数据"] },
      {
        at: 1,
        text: ["does not read: its buffer is full", "没有读取：接收缓冲区已满"],
        tone: "bad",
      },
      {
        from: 1,
        to: 0,
        text: ["ACK, window 0: no room", "ACK，窗口为 0：没有空间了"],
        tone: "plain",
      },
      { at: 0, text: ["await write(…) waits", "await write(…) 在等待"] },
      {
        at: 1,
        text: ["reads: there is room again", "开始读取：又有空间了"],
        tone: "good",
      },
      { from: 1, to: 0, text: ["window 65,536", "窗口 65,536"], tone: "plain" },
      { from: 0, to: 1, text: ["data", "数据"] },
    ],
  },
  {
    name: "05-endings",
    title: ["Four ways in which a connection ends", "连接结束的四种方式"],
    lanes: [["our program", "我们的程序"], ["the peer", "对方"]],
    rows: [
      {
        from: 1,
        to: 0,
        text: ["a whole message, then FIN", "一条完整的消息，然后 FIN"],
      },
      { at: 0, text: ["null: a clean end", "null：正常结束"], tone: "good" },
      {
        from: 1,
        to: 0,
        text: ["half a message, then FIN", "半条消息，然后 FIN"],
        tone: "b",
      },
      { at: 0, text: "UnexpectedEofError", tone: "bad" },
      { from: 1, to: 0, text: "RST", tone: "bad" },
      {
        at: 0,
        text: ['BrokenError, reason "reset"', 'BrokenError，reason 为 "reset"'],
        tone: "bad",
      },
      {
        from: 1,
        to: 0,
        text: ["nothing more comes", "什么都没有再来"],
        tone: "plain",
        lost: true,
      },
      {
        at: 0,
        text: ["TimeoutError, if there is a limit", "有期限时：TimeoutError"],
        tone: "bad",
      },
    ],
  },
  {
    name: "06-clients",
    title: [
      "One thread, three clients: the server works for each while the others wait",
      "一个线程，三个客户端：一个在等待时，服务器为另一个工作",
    ],
    lanes: ["ann", ["server", "服务器"], "bob"],
    rows: [
      { from: 0, to: 1, text: ["question", "问题"] },
      { from: 2, to: 1, text: ["question", "问题"], tone: "c" },
      { at: 1, text: ["awaits both", "同时等待两件事"] },
      { from: 1, to: 0, text: ["answer 1", "应答 1"] },
      { from: 0, to: 1, text: ["question", "问题"] },
      { from: 1, to: 2, text: ["answer 1", "应答 1"], tone: "c" },
    ],
  },
  {
    name: "07-deadlock",
    title: [
      "Both sides write and neither reads: a deadlock",
      "双方都在写，谁也不读：死锁",
    ],
    lanes: [CLIENT, SERVER],
    rows: [
      { from: 0, to: 1, text: ["data", "数据"] },
      { from: 1, to: 0, text: ["echo", "回显"], tone: "c" },
      {
        at: 0,
        text: ["does not read yet: full", "还没开始读取：缓冲区已满"],
        tone: "bad",
      },
      { from: 1, to: 0, text: ["echo", "回显"], tone: "c", lost: true },
      {
        at: 1,
        text: ["waits in write, reads nothing", "卡在写入，不再读取"],
        tone: "bad",
      },
      { from: 0, to: 1, text: ["data", "数据"], lost: true },
      { at: 0, text: ["waits in write", "卡在写入"], tone: "bad" },
    ],
  },
  {
    name: "08-transfer",
    title: ["A file on its way, with its proof", "一个文件的传输过程和校验"],
    lanes: [["sender", "发送方"], ["server", "服务器"]],
    rows: [
      {
        from: 0,
        to: 1,
        text: ["name, size, SHA-256", "文件名、大小、SHA-256"],
        tone: "c",
      },
      {
        at: 1,
        text: [
          "checks the name, opens photo.jpg.part",
          "检查文件名，打开 photo.jpg.part",
        ],
      },
      { from: 0, to: 1, text: ["64 KiB", "64 KiB"] },
      {
        from: 0,
        to: 1,
        text: ["… as many bytes as were promised", "……直到收满约定的字节数"],
      },
      {
        at: 1,
        text: [
          "SHA-256 is the same: rename to photo.jpg",
          "SHA-256 一致：改名为 photo.jpg",
        ],
        tone: "good",
      },
      { from: 1, to: 0, text: "stored 60000 bytes", tone: "good" },
    ],
  },
  {
    name: "09-broadcast",
    title: [
      "A line goes to every member; a slow one waits for itself",
      "一行文字发给所有成员；慢的成员只影响自己",
    ],
    lanes: ["ann", ["server", "服务器"], "bob"],
    rows: [
      { from: 0, to: 1, text: "hello, bob" },
      { at: 1, text: ["a queue for each member", "每个成员一个队列"] },
      { from: 1, to: 2, text: "ann: hello, bob" },
      { at: 2, text: ["stops reading", "不再读取"], tone: "bad" },
      { from: 0, to: 1, text: ["more and more lines", "越来越多的行"] },
      {
        at: 1,
        text: ["bob's queue is full: bob is cut", "bob 的队列满了：断开 bob"],
        tone: "bad",
      },
      { from: 1, to: 0, text: "* bob left", tone: "c" },
    ],
  },
  {
    name: "10-ticks",
    title: [
      "Steps go up, snapshots come down at a fixed tick",
      "步子发上去，快照按固定节拍发下来",
    ],
    lanes: [["player", "玩家"], ["server", "服务器"]],
    rows: [
      {
        at: 0,
        text: ["step 1: drawn at once, x = 1", "第 1 步：立即画出，x = 1"],
        tone: "good",
      },
      { from: 0, to: 1, text: "step, sequence 1, dx 1" },
      { at: 0, text: ["step 2: x = 2", "第 2 步：x = 2"], tone: "good" },
      { from: 0, to: 1, text: "step, sequence 2, dx 1" },
      {
        at: 1,
        text: ["tick 1: one step of each player", "节拍 1：每个玩家走一步"],
      },
      { from: 1, to: 0, text: "tick 1, acked 1, x 1", tone: "c" },
      {
        at: 0,
        text: [
          "x = 1, and step 2 again: x = 2",
          "x = 1，再走一遍第 2 步：x = 2",
        ],
      },
      { at: 1, text: ["tick 2", "节拍 2"] },
      { from: 1, to: 0, text: "tick 2, acked 2, x 2", tone: "c" },
    ],
  },
  {
    name: "11-checks",
    title: ["Three answers to a check", "一次检查的三种结果"],
    lanes: [["monitor", "监控程序"], ["target", "目标"]],
    rows: [
      { from: 0, to: 1, text: "SYN", tone: "plain" },
      { from: 1, to: 0, text: "SYN + ACK", tone: "good" },
      {
        at: 0,
        text: ["up, and how long it took", "正常，以及用了多久"],
        tone: "good",
      },
      { from: 0, to: 1, text: "SYN", tone: "plain" },
      { from: 1, to: 0, text: "RST", tone: "bad" },
      {
        at: 0,
        text: [
          "refused: the machine is there, the program is not",
          "被拒绝：机器在，程序不在",
        ],
        tone: "bad",
      },
      { from: 0, to: 1, text: "SYN", tone: "plain", lost: true },
      {
        at: 0,
        text: ["timeout: no answer at all", "超时：没有任何回应"],
        tone: "bad",
      },
    ],
  },
  {
    name: "12-tls",
    title: [
      "TLS: the server proves who it is, then all is encrypted",
      "TLS：服务器证明身份，之后全部加密",
    ],
    lanes: [CLIENT, SERVER],
    rows: [
      {
        from: 0,
        to: 1,
        text: [
          'hello: "localhost", a random key',
          "问候：“localhost”，一个随机密钥",
        ],
        tone: "plain",
      },
      {
        from: 1,
        to: 0,
        text: ["a random key, the certificate", "一个随机密钥，证书"],
        tone: "plain",
      },
      {
        at: 0,
        text: [
          "trusted authority? the right name? in time?",
          "机构可信？名称一致？没有过期？",
        ],
        tone: "good",
      },
      { from: 0, to: 1, text: ["finished", "握手完成"], tone: "plain" },
      {
        from: 0,
        to: 1,
        text: ["world\\n, encrypted", "world\\n（已加密）"],
        tone: "c",
      },
      {
        from: 1,
        to: 0,
        text: ["hello world\\n, encrypted", "hello world\\n（已加密）"],
        tone: "c",
      },
    ],
  },
  {
    name: "13-pipelining",
    title: [
      "One at a time waits for each answer; many under way share the wait",
      "逐个进行要等每个应答；同时进行则共同分担等待",
    ],
    lanes: [CLIENT, SERVER],
    rows: [
      {
        caption: [
          "one at a time: a round trip for each",
          "逐个进行：每个都要一次往返",
        ],
      },
      { from: 0, to: 1, text: "ping 1" },
      { from: 1, to: 0, text: "pong 1", tone: "c" },
      { from: 0, to: 1, text: "ping 2" },
      { from: 1, to: 0, text: "pong 2", tone: "c" },
      {
        caption: [
          "many under way: one round trip for all of them",
          "同时进行：所有请求共用一次往返",
        ],
      },
      { from: 0, to: 1, text: "ping 1, ping 2, ping 3, ping 4" },
      { from: 1, to: 0, text: "pong 1, pong 2, pong 3, pong 4", tone: "c" },
    ],
  },
  {
    name: "14-layers",
    title: ["What runs where", "哪些部分能在哪里运行"],
    lanes: [],
    rows: [
      {
        label: [
          "Deno on Linux, macOS and Windows",
          "Linux、macOS 和 Windows 上的 Deno",
        ],
        bytes: [["connect, listen, serve", "a"], ["framed", "b"], [
          "./codec",
          "c",
        ], ["./timeout", "c"]],
        text: [
          "everything; Unix sockets on Linux and macOS",
          "全部可用；Unix 套接字仅限 Linux 和 macOS",
        ],
      },
      {
        label: ["Node, Bun and browsers", "Node、Bun 和浏览器"],
        bytes: [["./codec", "c"]],
        text: ["codecs on any stream of bytes", "可用于任何字节流的编解码器"],
      },
    ],
  },
];
