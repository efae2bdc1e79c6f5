import { connect, type Framed, framed, lines } from "@sluice/net";

type Member = Framed<string>;

async function join(name: string): Promise<Member> {
  const socket = await connect({ port: 8888, timeoutMs: 10_000 });
  const member = framed(socket, lines());
  await member.receive(); // "what is your name?"
  await member.send(name);
  return member;
}

async function hear(name: string, member: Member): Promise<void> {
  console.log(`${name} reads: ${await member.receive({ timeoutMs: 10_000 })}`);
}

await using ann = await join("ann");
await using bob = await join("bob");
await hear("ann", ann);
await bob.send("hello, ann");
await hear("ann", ann);
await ann.send("hello, bob");
await hear("bob", bob);
await bob.close();
await hear("ann", ann);
