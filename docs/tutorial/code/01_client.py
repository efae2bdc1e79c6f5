import socket

# Step 1: create.
client = socket.socket()
# Step 5: connect.
client.connect(("127.0.0.1", 8888))

# Step 6: exchange.
client.sendall(b"hello\n")
with client.makefile("r") as lines:
    print(lines.readline().rstrip("\n"))

# Step 7: close.
client.close()
