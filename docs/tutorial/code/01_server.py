import socket

# Step 1: create.
server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
# Step 2: bind.
server.bind(("127.0.0.1", 8888))
# Step 3: listen.
server.listen()
print("listening on 127.0.0.1:8888")

while True:
    # Step 4: accept. Each client gets a socket of its own.
    client, address = server.accept()
    print("a client has connected")

    # Step 6: exchange.
    with client, client.makefile("r") as incoming:
        line = incoming.readline().rstrip("\n")
        print("received:", line)
        client.sendall(f"you said {line}\n".encode())

    # Step 7: "with" has closed it.
    print("closed")
