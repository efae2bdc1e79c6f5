import socket

# Step 1: create.
client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
# Step 5: connect.
client.connect(("127.0.0.1", 8888))

# Step 6: exchange.
client.sendall(b"hello\n")
with client.makefile("r") as incoming:
    print(incoming.readline().rstrip("\n"))

# Step 7: close.
client.close()
