package feed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"tidemark/client"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server notes the bodies of uploads and refuses the one with the number bad.
func server(t *testing.T, bad int) (*client.Client, *[]string) {
	t.Helper()
	var bodies []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		if len(bodies)+1 == bad {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"error":{"type":"parse_exception","reason":"no"},"status":400}`)
			return
		}
		bodies = append(bodies, string(raw))
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprintf(w, `{"processed_record_count":%d,"out_of_order_timestamp_count":1}`, bytes.Count(raw, []byte("\n")))
	}))
	c, err := client.New(s.URL, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); s.Close() })
	return c, &bodies
}

// lines yields n records of about a kilobyte and then the error.
func lines(n int, end error) Source {
	i := 0
	return Source{Next: func() ([]byte, error) {
		if i == n {
			return nil, end
		}
		i++
		return []byte(fmt.Sprintf(`{"n":%d,"x":"%s"}`, i, strings.Repeat("x", 1000))), nil
	}}
}

func TestSend(t *testing.T) {
	c, bodies := server(t, 0)
	const n = 10_000
	sent, err := Send(context.Background(), c, "j", lines(n, io.EOF), NewProgress(io.Discard, false, 0))
	if err != nil || sent.Records != n || sent.Processed != n || sent.OutOfOrder != int64(sent.Uploads) || sent.Uploads != len(*bodies) || sent.Uploads < 2 {
		t.Errorf("%+v in %d uploads, error %v", sent, len(*bodies), err)
	}
	for i, line := range strings.Split(strings.TrimSpace(strings.Join(*bodies, "")), "\n") {
		if !strings.HasPrefix(line, fmt.Sprintf(`{"n":%d,`, i+1)) {
			t.Fatalf("line %d is %.20s", i+1, line)
		}
	}
}

func TestSendNothing(t *testing.T) {
	c, bodies := server(t, 0)
	sent, err := Send(context.Background(), c, "j", lines(0, io.EOF), NewProgress(io.Discard, false, 0))
	if err != nil || sent.Uploads != 0 || len(*bodies) != 0 {
		t.Errorf("%+v, %v", sent, err)
	}
}

func TestSendStops(t *testing.T) {
	broken := errors.New("line 7 is broken")
	c, _ := server(t, 0)
	if _, err := Send(context.Background(), c, "j", lines(10_000, broken), NewProgress(io.Discard, false, 0)); !errors.Is(err, broken) {
		t.Errorf("a broken file: %v", err)
	}
	c, bodies := server(t, 2)
	sent, err := Send(context.Background(), c, "j", lines(50_000, io.EOF), NewProgress(io.Discard, false, 0))
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("after %d records", sent.Records)) || sent.Uploads != 1 || len(*bodies) != 1 {
		t.Errorf("a refused upload: %+v, %v", sent, err)
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000", -100: "-100"} {
		if have := Thousands(n); have != want {
			t.Errorf("%d is %q, want %q", n, have, want)
		}
	}
}
