import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Folder, namesIn } from "../../../examples/files/folder.ts";
import { Refusal } from "../../../examples/files/messages.ts";

const windows = Deno.build.os === "windows";

Deno.test("namesIn() takes names that every system takes", () => {
  assertEquals(namesIn("a"), ["a"]);
  assertEquals(namesIn("a b/ü/.hidden/x.tar.gz"), [
    "a b",
    "ü",
    ".hidden",
    "x.tar.gz",
  ]);
  assertEquals(namesIn("写真/❤️👩‍💻.png"), ["写真", "❤️👩‍💻.png"]);
});

Deno.test("namesIn() refuses paths that lead out, and odd names", () => {
  const bad = [
    "",
    "/etc/passwd",
    "..",
    "../x",
    "a/../../x",
    "a/./b",
    "a//b",
    "a/",
    "C:\\x",
    "a\\..\\b",
    "a\0b",
    "a\nb",
    "\x1b[2J",
    "a.",
    "a ",
    " a",
    "nul",
    "COM1.txt",
    "a:b",
    "a*",
    ".x.part",
    ".x.PART",
    "conin$",
    "COM¹",
    "a\x9bb",
    "a\u202eb",
    "a\u200bb",
    "a\ufe0fb",
    "a\u3164",
    "a\u00a0b",
    "e\u0301",
    "x/".repeat(32) + "x",
    "x".repeat(300),
    "x/".repeat(2_500) + "x",
    "\ud800",
  ];
  for (const path of bad) {
    assertThrows(() => namesIn(path), Refusal, "its path must be", path);
  }
});

Deno.test("Folder follows no link, neither to read nor to write nor to list", {
  ignore: windows, // Links take a privilege there.
}, async () => {
  const base = await Deno.realPath(await Deno.makeTempDir());
  try {
    await Deno.mkdir(`${base}/outside`);
    await Deno.writeTextFile(`${base}/outside/secret`, "secret");
    await Deno.mkdir(`${base}/shared`);
    await Deno.symlink(`${base}/outside`, `${base}/shared/folder`);
    await Deno.symlink(`${base}/outside/secret`, `${base}/shared/file`);
    const folder = await Folder.open(`${base}/shared`);
    for (const path of ["folder/secret", "file", "folder"]) {
      await assertRejects(() => folder.find(path), Refusal);
    }
    for (const path of ["folder/new", "folder/deep/new"]) {
      await assertRejects(() => folder.place(path), Refusal, "is not a folder");
    }
    assertEquals(await Array.fromAsync(folder.entries("")), []);
    await assertRejects(
      () => Array.fromAsync(folder.entries("folder")),
      Refusal,
    );
    const names = Array.from(
      Deno.readDirSync(`${base}/outside`),
      (e) => e.name,
    );
    assertEquals(names, ["secret"]);
  } finally {
    await Deno.remove(base, { recursive: true });
  }
});

Deno.test("Folder.open() follows a link to the folder itself", {
  ignore: windows,
}, async () => {
  const base = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${base}/real`);
    await Deno.writeTextFile(`${base}/real/x`, "abc");
    await Deno.symlink(`${base}/real`, `${base}/link`);
    const folder = await Folder.open(`${base}/link`);
    assertEquals(await Array.fromAsync(folder.entries("")), [
      { path: "x", size: 3 },
    ]);
    await assertRejects(() => Folder.open(`${base}/none`), Refusal);
    await assertRejects(() => Folder.open(`${base}/real/x`), Refusal);
  } finally {
    await Deno.remove(base, { recursive: true });
  }
});

Deno.test("Folder bounds what it lists, and offers no odd name", {
  ignore: windows, // It would not take such names.
}, async () => {
  const base = await Deno.makeTempDir();
  try {
    for (const name of ["a", "b\u202e", "c\u200b", "d\x9b", ".e.part", "f"]) {
      await Deno.writeTextFile(`${base}/${name}`, "");
    }
    const deep = `${base}/g${"/g".repeat(40)}`;
    await Deno.mkdir(deep, { recursive: true });
    await Deno.writeTextFile(`${deep}/x`, "");
    await Deno.writeTextFile(`${base}/g/g/x`, "");
    const folder = await Folder.open(base);
    const entries = await Array.fromAsync(folder.entries(""));
    assertEquals(entries.map(({ path }) => path), ["a", "f", "g/g/x"]);
    await assertRejects(
      () => Array.fromAsync(folder.entries("", { maxEntries: 5 })),
      Refusal,
      "there are more than 5 files and folders",
    );
    const controller = new AbortController();
    await assertRejects(async () => {
      for await (const _ of folder.entries("", controller)) controller.abort();
    });
  } finally {
    await Deno.remove(base, { recursive: true });
  }
});

Deno.test("Folder names what this user may not look at, and goes on", async () => {
  const base = await Deno.makeTempDir();
  const { lstat } = Deno;
  try {
    await Deno.mkdir(`${base}/b`);
    for (const name of ["a", "b/x", "c"]) {
      await Deno.writeTextFile(`${base}/${name}`, "");
    }
    const folder = await Folder.open(base);
    // A folder of another user, or what another user has mounted: root may look at all.
    Deno.lstat = (path) =>
      /b\/x$/.test(`${path}`)
        ? Promise.reject(new Deno.errors.PermissionDenied("os error 13"))
        : lstat(path);
    const leftOut: string[] = [];
    const onLeftOut = (path: string, why: string) =>
      leftOut.push(`${path}: ${why}`);
    const entries = await Array.fromAsync(folder.entries("", { onLeftOut }));
    assertEquals(entries.map(({ path }) => path), ["a", "c"]);
    assertEquals(leftOut, ["b/x: this user may not read it"]);
  } finally {
    Deno.lstat = lstat;
    await Deno.remove(base, { recursive: true });
  }
});

Deno.test({
  name: "a folder names what Deno cannot name",
  // Elsewhere names are text.
  ignore: Deno.build.os !== "linux",
  async fn() {
    const base = await Deno.makeTempDir();
    try {
      const { success } = await new Deno.Command("sh", {
        args: ["-c", "touch a \"$(printf 'b\\377')\" c\ufffd"],
        cwd: base,
      }).output();
      assert(success);
      const folder = await Folder.open(base);
      const leftOut: string[] = [];
      const onLeftOut = (path: string, why: string) =>
        leftOut.push(`${path}: ${why}`);
      const entries = await Array.fromAsync(folder.entries("", { onLeftOut }));
      assertEquals(entries.map(({ path }) => path), ["a", "c\ufffd"]);
      assertEquals(leftOut, ["b\ufffd: its name is not UTF-8"]);
    } finally {
      await Deno.remove(base, { recursive: true });
    }
  },
});
