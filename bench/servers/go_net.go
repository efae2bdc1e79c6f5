// The echo of frames and the sink on Go's net package.
// Usage: go_net PORT echo|sink
package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"time"
)

const maxFrameBytes = 16 << 20

// echo flushes when it is about to wait: all answers of one read leave in one write.
func echo(conn net.Conn) error {
	reader := bufio.NewReader(conn)
	writer := bufio.NewWriter(conn)
	var frame []byte
	var header [4]byte
	for {
		if reader.Buffered() < 4 {
			if err := writer.Flush(); err != nil {
				return err
			}
		}
		if _, err := io.ReadFull(reader, header[:]); err != nil {
			return err
		}
		length := int(binary.BigEndian.Uint32(header[:]))
		if length > maxFrameBytes {
			return fmt.Errorf("frame of %d bytes", length)
		}
		if cap(frame) < length {
			frame = make([]byte, length)
		}
		frame = frame[:length]
		if reader.Buffered() < length {
			if err := writer.Flush(); err != nil {
				return err
			}
		}
		if _, err := io.ReadFull(reader, frame); err != nil {
			return err
		}
		binary.BigEndian.PutUint32(header[:], uint32(len(frame)))
		if _, err := writer.Write(header[:]); err != nil {
			return err
		}
		if _, err := writer.Write(frame); err != nil {
			return err
		}
	}
}

func sink(conn net.Conn) error {
	buffer := make([]byte, 64<<10)
	var total uint64
	for {
		count, err := conn.Read(buffer)
		if err != nil {
			return err
		}
		total += uint64(count)
		if buffer[count-1] != 0 {
			var answer [8]byte
			binary.BigEndian.PutUint64(answer[:], total)
			if _, err := conn.Write(answer[:]); err != nil {
				return err
			}
		}
	}
}

func main() {
	handlers := map[string]func(net.Conn) error{"echo": echo, "sink": sink}
	if len(os.Args) < 3 || handlers[os.Args[2]] == nil {
		fmt.Fprintln(os.Stderr, "usage: go_net PORT echo|sink")
		os.Exit(2)
	}
	port, err := strconv.Atoi(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "usage: go_net PORT echo|sink")
		os.Exit(2)
	}
	handle := handlers[os.Args[2]]
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("listening on %d\n", listener.Addr().(*net.TCPAddr).Port)
	for {
		conn, err := listener.Accept()
		if err != nil {
			// As net/http does when descriptors run out.
			time.Sleep(5 * time.Millisecond)
			continue
		}
		go func() {
			defer conn.Close()
			handle(conn)
		}()
	}
}
