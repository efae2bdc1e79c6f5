/**
 * Packets of every type, with all that may be in them.
 *
 * @module
 */

import type { Packet } from "../../../examples/mqtt/packet.ts";

export const bytesOf = (text: string): Uint8Array =>
  new TextEncoder().encode(text);

/** `A0 FF` and so on, as bytes. */
export const hex = (text: string): Uint8Array =>
  Uint8Array.from(text.split(/\s+/), (byte) => parseInt(byte, 16));

const message = {
  type: "publish",
  topic: "a/b",
  payload: bytesOf("hello"),
  qos: 0,
  retain: false,
  dup: false,
  id: 0,
} as const;

/** One of each, and more where there are several kinds. */
export const SAMPLES: Packet[] = [
  { type: "connect", clientId: "", clean: true, keepAlive: 0 },
  {
    type: "connect",
    clientId: "thermometer",
    clean: false,
    keepAlive: 65_535,
    will: {
      topic: "gone/thermometer",
      payload: new Uint8Array([0, 255, 128]),
      qos: 2,
      retain: true,
    },
    username: "Zoë \u{1f600}",
    password: new Uint8Array([0, 1, 255]),
  },
  {
    type: "connect",
    clientId: "\ufeffmark",
    clean: true,
    keepAlive: 60,
    username: "",
  },
  { type: "connack", sessionPresent: true, code: 0 },
  { type: "connack", sessionPresent: false, code: 5 },
  message,
  { ...message, payload: new Uint8Array(0), retain: true },
  { ...message, qos: 1, id: 1 },
  { ...message, qos: 2, id: 65_535, dup: true, retain: true },
  { ...message, topic: "\ufeff/ä/$", payload: new Uint8Array(300) },
  { type: "puback", id: 1 },
  { type: "pubrec", id: 256 },
  { type: "pubrel", id: 65_535 },
  { type: "pubcomp", id: 3 },
  {
    type: "subscribe",
    id: 7,
    filters: [
      { filter: "#", qos: 0 },
      { filter: "a/+/b", qos: 1 },
      { filter: "+/+", qos: 2 },
    ],
  },
  { type: "suback", id: 7, granted: [0, 1, 2, 0x80] },
  { type: "unsubscribe", id: 8, filters: ["#", "a/+/b"] },
  { type: "unsuback", id: 8 },
  { type: "pingreq" },
  { type: "pingresp" },
  { type: "disconnect" },
];
