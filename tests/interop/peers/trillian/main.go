// trillian is Google's Trillian log in one process: its server, its sequencer and its in-memory storage, with one tree
// made. It prints the address that it listens on and the tree's id. Rekor v1 keeps its log in one.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"time"

	"github.com/google/trillian"
	"github.com/google/trillian/extension"
	trillog "github.com/google/trillian/log"
	"github.com/google/trillian/monitoring"
	"github.com/google/trillian/quota"
	"github.com/google/trillian/server"
	"github.com/google/trillian/server/admin"
	"github.com/google/trillian/server/interceptor"
	"github.com/google/trillian/storage"
	_ "github.com/google/trillian/storage/memory"
	"github.com/google/trillian/util/clock"
	"github.com/google/trillian/util/election2"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address to listen on; the one taken is printed")
	flag.Parse()
	if err := serve(*listen); err != nil {
		log.Fatal(err)
	}
}

func serve(listen string) error {
	ctx := context.Background()
	provider, err := storage.NewProvider("memory", monitoring.InertMetricFactory{})
	if err != nil {
		return err
	}
	registry := extension.Registry{
		AdminStorage:    provider.AdminStorage(),
		LogStorage:      provider.LogStorage(),
		ElectionFactory: election2.NoopFactory{},
		QuotaManager:    quota.Noop(),
		MetricFactory:   monitoring.InertMetricFactory{},
	}
	grpcServer := grpc.NewServer(grpc.UnaryInterceptor(interceptor.ErrorWrapper))
	logServer, adminServer := server.NewTrillianLogRPCServer(registry, clock.System), admin.New(registry, nil)
	trillian.RegisterTrillianLogServer(grpcServer, logServer)
	trillian.RegisterTrillianAdminServer(grpcServer, adminServer)

	tree, err := adminServer.CreateTree(ctx, &trillian.CreateTreeRequest{Tree: &trillian.Tree{
		TreeState:       trillian.TreeState_ACTIVE,
		TreeType:        trillian.TreeType_LOG,
		MaxRootDuration: durationpb.New(time.Hour),
	}})
	if err != nil {
		return err
	}
	if _, err := logServer.InitLog(ctx, &trillian.InitLogRequest{LogId: tree.TreeId}); err != nil {
		return err
	}
	sequencer := trillog.NewOperationManager(trillog.OperationInfo{
		Registry:    registry,
		BatchSize:   100,
		NumWorkers:  1,
		RunInterval: 50 * time.Millisecond,
		TimeSource:  clock.System,
	}, trillog.NewSequencerManager(registry, 0))
	go sequencer.OperationLoop(ctx)

	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr(), tree.TreeId)
	go func() { // whoever started it holds the other end of standard input; when that ends, so does this
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	return grpcServer.Serve(listener)
}
