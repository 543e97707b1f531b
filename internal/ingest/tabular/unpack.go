package tabular

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// Unpack reads what is packed (gzip, zstd, bzip2), and text in UTF-16 or with a mark
// of the order of bytes, as plain UTF-8. The name stands in errors.
func Unpack(r io.Reader, name string) (*bufio.Reader, error) {
	b := bufio.NewReaderSize(r, sniffBytes)
	magic, _ := b.Peek(4) // Less is there if the file is shorter.
	var open func(io.Reader) (io.Reader, error)
	packing := ""
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		packing, open = "gzip", func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }
	case bytes.HasPrefix(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		packing, open = "zstd", func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r, zstd.WithDecoderConcurrency(1)) }
	case bytes.HasPrefix(magic, []byte("BZh")):
		packing, open = "bzip2", func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil }
	case bytes.HasPrefix(magic, []byte("PK\x03\x04")):
		return nil, fmt.Errorf("%s is a ZIP archive (or a spreadsheet, which is one): unpack it, or save the sheet as CSV", name)
	case bytes.HasPrefix(magic, []byte("PAR1")):
		return nil, fmt.Errorf("%s is a Parquet file: write it as CSV or as lines of JSON", name)
	}
	if open != nil {
		plain, err := open(b)
		if err != nil {
			return nil, fmt.Errorf("%s begins like %s and is not: %w", name, packing, err)
		}
		return plainText(plain), nil
	}
	return plainText(b), nil
}

func plainText(r io.Reader) *bufio.Reader {
	return bufio.NewReaderSize(transform.NewReader(r, unicode.BOMOverride(transform.Nop)), sniffBytes)
}
