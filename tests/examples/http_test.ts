import { assert } from "@std/assert";
import { looksLikeHttp } from "../../examples/_http.ts";

Deno.test("looksLikeHttp() knows what browsers send first", () => {
  for (
    const start of [
      "POST / HTTP/1.1",
      "GET /a HTTP/1.0",
      "OPTIONS * HTTP/1.1",
      `POST /${"a".repeat(5_000)} HTTP/1.1`,
      "QUERY /x HTTP/1.1",
      "GET http://127.0.0.1:1/ HTTP/1.1",
      "CONNECT 127.0.0.1:1 HTTP/1.1",
      "PRI * HTTP/2.0",
      "Host: 127.0.0.1",
      "host:x",
      // TLS, in which a page's own server chose a ticket.
      "\x16\x03\x01\x02\x00\x01",
    ]
  ) {
    assert(looksLikeHttp(start), start);
    const bytes = new TextEncoder().encode(`${start}\r\nmore\r\n`);
    assert(looksLikeHttp(bytes), start);
  }
});

Deno.test("looksLikeHttp() takes what people say for what it is", () => {
  for (
    const start of [
      ...["", "ann", "hello there", "POST office", "GET", "DELETE it", "PING"],
      ...[
        "we all speak HTTP/1.1",
        "hosts: two",
        "\x00\x01 HTTP",
        "GET ready /now",
      ],
    ]
  ) {
    assert(!looksLikeHttp(start), start);
    assert(!looksLikeHttp(new TextEncoder().encode(start)), start);
  }
});
