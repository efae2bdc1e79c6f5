import { connect, serve, type Server, SocketError } from "@sluice/net";

/** Checks one address: how long a connection takes, or what is wrong. */
async function check(port: number): Promise<string> {
  try {
    await using _socket = await connect({ port, timeoutMs: 3_000 });
    return "up";
  } catch (error) {
    if (!(error instanceof SocketError)) throw error;
    return "reason" in error ? String(error.reason) : error.code;
  }
}

/** One alert when something goes down, and one when it is back. */
class Alarm {
  #isDown = false;
  #inARow = 0;

  /** Three failures in a row are an outage, two successes its end. */
  record(isUp: boolean): string | undefined {
    if (isUp !== this.#isDown) {
      this.#inARow = 0; // As it was.
    } else if (++this.#inARow === (this.#isDown ? 2 : 3)) {
      this.#inARow = 0;
      this.#isDown = !this.#isDown;
      return this.#isDown ? "ALERT: down" : "ALERT: up again";
    }
    return undefined;
  }
}

// A target that has one short failure, and then an outage.
const start = (port: number) => serve({ port }, () => {});
let target: Server<Deno.NetAddr> | undefined = start(0);
const { port } = target.addr;
const alarm = new Alarm();
for (const wanted of "up down up down down down down up up up".split(" ")) {
  if (wanted === "down") {
    await target?.shutdown();
    target = undefined;
  } else {
    target ??= start(port);
  }
  const result = await check(port);
  const alert = alarm.record(result === "up");
  console.log(alert === undefined ? result : `${result}, ${alert}`);
}
await target?.shutdown();
