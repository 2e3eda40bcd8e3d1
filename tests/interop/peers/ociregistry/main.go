// ociregistry is go-containerregistry's in-memory registry with the referrers API on, which its own commands
// (registry, crane registry serve) leave off. With -no-referrers it answers 404 there, as docker-registry does.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address to listen on; the one taken is printed")
	without := flag.Bool("no-referrers", false, "answer 404 to the referrers API")
	flag.Parse()
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr())
	server := &http.Server{
		ReadHeaderTimeout: 5 * time.Second,
		Handler: registry.New(
			registry.WithReferrersSupport(!*without),
			registry.Logger(log.New(io.Discard, "", 0)),
		),
	}
	go func() { // whoever started it holds the other end of standard input; when that ends, so does this
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	log.Fatal(server.Serve(listener))
}
