// The echo of frames, the sink and the fan-out on Go's net package.
// Usage: go_net PORT echo|sink|fan-out
package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
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

// Frames that wait for a member; what comes beyond is dropped.
const maxQueuedFrames = 500

var (
	members   = map[net.Conn]chan []byte{}
	membersMu sync.RWMutex
)

// join is called before the next connection is accepted.
func join(conn net.Conn) {
	queue := make(chan []byte, maxQueuedFrames)
	membersMu.Lock()
	members[conn] = queue
	membersMu.Unlock()
	go func() {
		writer := bufio.NewWriterSize(conn, 64<<10)
		for frame := range queue {
			if _, err := writer.Write(frame); err != nil {
				return
			}
			if len(queue) == 0 && writer.Flush() != nil {
				return
			}
		}
	}()
}

func fanOut(conn net.Conn) error {
	defer func() {
		membersMu.Lock()
		close(members[conn])
		delete(members, conn)
		membersMu.Unlock()
	}()
	reader := bufio.NewReader(conn)
	var header [4]byte
	for {
		if _, err := io.ReadFull(reader, header[:]); err != nil {
			return err
		}
		length := int(binary.BigEndian.Uint32(header[:]))
		if length > maxFrameBytes {
			return fmt.Errorf("frame of %d bytes", length)
		}
		frame := make([]byte, 4+length)
		copy(frame, header[:])
		if _, err := io.ReadFull(reader, frame[4:]); err != nil {
			return err
		}
		membersMu.RLock()
		for _, queue := range members {
			select {
			case queue <- frame:
			default:
			}
		}
		membersMu.RUnlock()
	}
}

func main() {
	handlers := map[string]func(net.Conn) error{
		"echo": echo, "sink": sink, "fan-out": fanOut,
	}
	if len(os.Args) < 3 || handlers[os.Args[2]] == nil {
		fmt.Fprintln(os.Stderr, "usage: go_net PORT echo|sink|fan-out")
		os.Exit(2)
	}
	port, err := strconv.Atoi(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "usage: go_net PORT echo|sink|fan-out")
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
		if os.Args[2] == "fan-out" {
			join(conn)
		}
		go func() {
			defer conn.Close()
			handle(conn)
		}()
	}
}
