// Send packets to an echo server by both kinds of sockets that Go has and compare what
// comes back; a packet that is lost is sent again.
// Usage: packet_client HOST:PORT; exit 0 when every one came back.
package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"time"
)

var sizes = []int{0, 1, 2, 27, 512, 1472, 1473, 9000, 32768, 65507}

func check(n int, send func([]byte) error, receive func([]byte) (int, error)) error {
	sent, got := make([]byte, sizes[n]), make([]byte, 65508)
	for i := range sent {
		sent[i] = byte(n*31 + i)
	}
	for tries := 0; tries < 50; tries++ {
		if err := send(sent); err != nil {
			return err
		}
		came, err := receive(got)
		if err == nil && bytes.Equal(got[:came], sent) {
			return nil
		}
	}
	return fmt.Errorf("%d bytes never came back", len(sent))
}

func main() {
	target, err := net.ResolveUDPAddr("udp", os.Args[1])
	if err != nil {
		panic(err)
	}
	connected, err := net.DialUDP("udp", nil, target)
	if err != nil {
		panic(err)
	}
	bound, err := net.ListenPacket("udp", ":0")
	if err != nil {
		panic(err)
	}
	soon := func() time.Time { return time.Now().Add(200 * time.Millisecond) }
	for n := range sizes {
		err := check(n, func(data []byte) error {
			_, err := connected.Write(data)
			return err
		}, func(room []byte) (int, error) {
			connected.SetReadDeadline(soon())
			return connected.Read(room)
		})
		if err != nil {
			panic(err)
		}
		err = check(n, func(data []byte) error {
			_, err := bound.WriteTo(data, target)
			return err
		}, func(room []byte) (int, error) {
			bound.SetReadDeadline(soon())
			count, from, err := bound.ReadFrom(room)
			if err == nil && from.String() != target.String() {
				panic("from " + from.String())
			}
			return count, err
		})
		if err != nil {
			panic(err)
		}
	}
}
