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
];
