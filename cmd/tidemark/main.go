// Command tidemark is the server, its demo, and the commands that talk to a
// server.
package main

import (
	"os"

	"tidemark/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:])) }
