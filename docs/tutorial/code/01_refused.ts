import { BrokenError, connect } from "@sluice/net";

try {
  // Port 1: nothing listens there.
  await using socket = await connect({ hostname: "127.0.0.1", port: 1 });
  console.log(await socket.readLine());
} catch (error) {
  if (!(error instanceof BrokenError)) throw error;
  console.log(error.message);
}
