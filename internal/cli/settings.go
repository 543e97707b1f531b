package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

// envPrefix begins the names of environment variables.
const envPrefix = "TIDEMARK_"

// settle gives every option that is not on the command line its value from the
// environment or from the file.
func settle(flags *pflag.FlagSet, config string) error {
	if env := os.Getenv(envPrefix + "CONFIG"); config == "" {
		config = env
	}
	file, err := readConfig(flags, config)
	if err != nil {
		return err
	}
	var failed error
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Changed || failed != nil || f.Name == "help" || f.Name == "config" {
			return
		}
		name := envPrefix + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value, from := os.Getenv(name), name
		if value == "" {
			list, ok := file[f.Name]
			if !ok {
				return
			}
			value, from = list, f.Name+" in "+config
		}
		if err := f.Value.Set(value); err != nil {
			failed = fmt.Errorf("%s: %w", from, err)
		}
	})
	return failed
}

// readConfig reads a YAML file of options, values as text; lists become
// comma-separated. Unknown names are errors: a misspelt limit must not be
// ignored.
func readConfig(flags *pflag.FlagSet, path string) (map[string]string, error) {
	if path == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the options file cannot be read: %w", err)
	}
	var nodes map[string]yaml.Node
	if err := yaml.NewDecoder(bytes.NewReader(raw)).Decode(&nodes); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s is no list of options: %w", path, err)
	}
	values := map[string]string{}
	for name, node := range nodes {
		if flags.Lookup(name) == nil || name == "config" || name == "help" {
			return nil, fmt.Errorf("%s, line %d: there is no option %q; 'tidemark serve --help' lists them", path, node.Line, name)
		}
		var list []string
		switch {
		case node.Kind == yaml.ScalarNode:
			values[name] = node.Value
		case node.Kind == yaml.SequenceNode && node.Decode(&list) == nil:
			values[name] = strings.Join(list, ",")
		default:
			return nil, fmt.Errorf("%s, line %d: option %q must be a single value or a list of texts", path, node.Line, name)
		}
	}
	return values, nil
}

// size is an option in bytes: a number with an optional unit.
type size struct{ to *int64 }

// sizeUnits are the units of sizes, longer names first where one ends in
// another.
var sizeUnits = []struct {
	bytes int64
	name  string
}{{1 << 40, "tb"}, {1 << 30, "gb"}, {1 << 20, "mb"}, {1 << 10, "kb"}, {1, "b"}}

// Set implements pflag.Value.
func (s *size) Set(text string) error {
	number, unit := strings.ToLower(strings.TrimSpace(text)), int64(1)
	for _, u := range sizeUnits {
		if rest, ok := strings.CutSuffix(number, u.name); ok {
			number, unit = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/unit {
		return fmt.Errorf("%q is no size; give a whole number of bytes or one with kb, mb, gb or tb", text)
	}
	*s.to = n * unit
	return nil
}

// String implements pflag.Value.
func (s *size) String() string {
	if s.to == nil {
		return "0"
	}
	n := *s.to
	for _, u := range sizeUnits[:len(sizeUnits)-1] {
		if n >= u.bytes && n%u.bytes == 0 {
			return fmt.Sprintf("%d%s", n/u.bytes, u.name)
		}
	}
	return strconv.FormatInt(n, 10)
}

// Type implements pflag.Value.
func (s *size) Type() string { return "size" }
