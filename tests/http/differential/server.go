// Go's net/http, which tells what it understood of each request.
//
// Limits are those of Portside's web room, where Go has them: 64 KiB of head, 1 MiB of
// body.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
)

func answer(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		http.Error(w, "the body is bad", http.StatusBadRequest)
		return
	}
	seen := fmt.Sprintf("%s %d %s", r.Method, len(body), r.URL.EscapedPath())
	w.Header().Set("Seen", seen)
	w.Header().Set("Content-Type", "text/plain")
	io.WriteString(w, "seen\n")
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("port %d\n", listener.Addr().(*net.TCPAddr).Port)
	log.SetOutput(io.Discard)
	server := http.Server{Handler: http.HandlerFunc(answer), MaxHeaderBytes: 1 << 16}
	server.Serve(listener)
}
