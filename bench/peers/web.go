// Pages over HTTP: Go's net/http, with a router of its own: Go's knows names in patterns
// from 1.22 on.
//
// The routes are its arguments: "/about", "/users/{name}/orders", "/files/{name...}".
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
)

const oneName, rest = "{name}", "{name...}"

// A node has a node for each next segment; "" is where a route ends.
type node map[string]node

func tree(routes []string) node {
	root := node{}
	for _, route := range routes {
		at := root
		for _, segment := range strings.Split(route, "/")[1:] {
			if at[segment] == nil {
				at[segment] = node{}
			}
			at = at[segment]
		}
		at[""] = node{}
	}
	return root
}

func nameOf(root node, path string) (string, bool) {
	segments := strings.Split(path, "/")[1:]
	at, name := root, segments[len(segments)-1]
	for index, segment := range segments {
		if next := at[segment]; next != nil {
			at = next
		} else if next := at[oneName]; next != nil {
			at, name = next, segment
		} else if at[rest] != nil {
			return strings.Join(segments[index:], "/"), true
		} else {
			return "", false
		}
	}
	return name, at[""] != nil
}

func main() {
	root := tree(os.Args[1:])
	hello := func(w http.ResponseWriter, r *http.Request) {
		name, found := nameOf(root, r.URL.Path)
		if !found {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		io.WriteString(w, "Hello, "+name+"!")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("port %d\n", listener.Addr().(*net.TCPAddr).Port)
	log.Fatal(http.Serve(listener, http.HandlerFunc(hello)))
}
