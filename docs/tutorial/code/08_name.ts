// Puts the name that a client sent behind the name of a folder.
for (const name of ["photo.jpg", "../../.bashrc", "/etc/passwd"]) {
  const path = new URL(name, "file:///srv/received/").pathname;
  console.log(`${name} is written to ${path}`);
}
