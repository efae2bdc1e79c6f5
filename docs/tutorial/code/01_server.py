import socket

# Step 1: create.
server = socket.socket()
server.setsockopt(
    socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
)
# Step 2: bind.
server.bind(("127.0.0.1", 8888))
# Step 3: listen.
server.listen()
print("listening on 127.0.0.1:8888")

while True:
    # Step 4: accept, a new socket for each client.
    client, address = server.accept()
    print("a client has connected")

    # Step 6: exchange.
    with client, client.makefile("r") as lines:
        line = lines.readline().rstrip("\n")
        print("received:", line)
        answer = f"you said {line}\n"
        client.sendall(answer.encode())

    # Step 7: "with" has closed it.
    print("closed")
