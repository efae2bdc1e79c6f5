// What a peer may send as its name: it would turn the rest of your terminal red.
const name = "ann\x1b[31m\r\nserver: you have won";

const visible = name.replaceAll(
  /\p{C}/gu,
  (char) => `\\u{${char.codePointAt(0)!.toString(16)}}`,
);
console.log(`${visible} came`);
