// Command tlogcheck checks a secmount audit log, or a proof from one, with the Go project's own code.
//
//	tlogcheck log VKEY FOLDER    every tile and entry of the folder against its signed checkpoint
//	tlogcheck proof VKEY FILE    a tlog-proof whose extra line is the entry
package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// folder reads tiles where C2SP tlog-tiles puts them; tlog's own paths name the height and call entries "data".
type folder string

func (f folder) Height() int                     { return 8 }
func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}
func (f folder) ReadTiles(tiles []tlog.Tile) (data [][]byte, err error) {
	for _, t := range tiles {
		path := strings.Replace(strings.Replace(t.Path(), "tile/8/", "tile/", 1), "/data/", "/entries/", 1)
		b, err := os.ReadFile(filepath.Join(string(f), path))
		if err != nil {
			return nil, err
		}
		data = append(data, b)
	}
	return data, nil
}

func tree(text []byte, vkey string) tlog.Tree {
	verifier := must(note.NewVerifier(vkey))
	n := must(note.Open(text, note.VerifierList(verifier)))
	lines := strings.Split(n.Text, "\n")
	t := must(tlog.ParseTree([]byte("go.sum database tree\n" + strings.Join(lines[1:3], "\n") + "\n")))
	if lines[0] != verifier.Name() {
		log.Fatalf("origin %q is not the key's name", lines[0])
	}
	return t
}

func checkLog(vkey, path string) {
	f, t := folder(path), tree(must(os.ReadFile(filepath.Join(path, "checkpoint"))), vkey)
	hashes := tlog.TileHashReader(t, f)
	for first := int64(0); first < t.N; first += 256 {
		width := min(256, t.N-first)
		bundle := must(f.ReadTiles([]tlog.Tile{{H: 8, L: -1, N: first / 256, W: int(width)}}))[0]
		var stored []int64
		for i := first; i < first+width; i++ {
			stored = append(stored, tlog.StoredHashIndex(0, i))
		}
		for i, want := range must(hashes.ReadHashes(stored)) {
			length := binary.BigEndian.Uint16(bundle)
			if tlog.RecordHash(bundle[2:2+length]) != want {
				log.Fatalf("entry %d is not the one in its tile", first+int64(i))
			}
			bundle = bundle[2+length:]
		}
		if len(bundle) != 0 {
			log.Fatalf("bundle %d holds more than its width", first/256)
		}
	}
	fmt.Printf("%d entries, root %v\n", t.N, t.Hash)
}

func checkProof(vkey, path string) {
	head, checkpoint, _ := strings.Cut(string(must(os.ReadFile(path))), "\n\n")
	lines := strings.Split(head, "\n")
	var index int64
	if _, err := fmt.Sscanf(lines[2], "index %d", &index); err != nil || lines[0] != "c2sp.org/tlog-proof@v1" {
		log.Fatal("not a tlog-proof with an entry")
	}
	entry := must(base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra ")))
	var proof tlog.RecordProof
	for _, line := range lines[3:] {
		proof = append(proof, must(tlog.ParseHash(line)))
	}
	t := tree([]byte(checkpoint), vkey)
	if err := tlog.CheckRecord(proof, t.N, t.Hash, index, tlog.RecordHash(entry)); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("entry %d of %d: %s\n", index, t.N, entry)
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 4 || (os.Args[1] != "log" && os.Args[1] != "proof") {
		log.Fatal("usage: tlogcheck log|proof VKEY PATH")
	}
	map[string]func(string, string){"log": checkLog, "proof": checkProof}[os.Args[1]](os.Args[2], os.Args[3])
}
