package category

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"tidemark/engine/codec"
)

// templates are statements of programs; {x} stands for a value of kind x.
var templates = []string{
	"Connection from {ip} closed by remote host",
	"Failed password for invalid user {user} from {ip} port {n} ssh2",
	"Accepted publickey for {user} from {ip} port {n} ssh2",
	"Received block {id} of size {n} from {ip}",
	"PacketResponder {n} for block {id} terminating",
	"Verification succeeded for block {id}",
	"Starting service {path} with pid {n}",
	"Out of memory: killed process {n} total-vm {n} kB",
	"request_id={uuid} method=GET path={path} status={n} duration={n}ms",
	"Session {uuid} expired after {n} seconds",
	"Cannot open file {path}: permission denied",
	"User {user} logged in",
	"User {user} logged out after {n} minutes",
	"Disk usage at {n} percent on {path}",
	"Retrying request {n} of {n} to {ip}",
	"Cache miss for key {hex}",
	"Cache hit for key {hex}",
	"Worker {n} started, waiting for jobs",
	"Worker {n} stopped, no more jobs",
	"java.lang.NullPointerException: null at {time}\n\tat com.acme.Foo.bar(Foo.java:{n})\n\tat com.acme.Main.main(Main.java:{n})",
	"[{time}] WARN slow query took {n} ms",
	"[{time}] ERROR replication lag exceeds limit on {ip}",
	"Mail from <{mail}> rejected: spam score {n}",
	"Certificate for {path} expires in {n} days",
	"磁盘 空间 不足 {n}",
	"用户 {user} 登录 成功",
	"Throttling client {ip}: too many requests",
	"Deleted {n} expired snapshots",
	"Leader election won with term {n}",
	"Follower {ip} is behind by {n} entries",
}

var users = strings.Fields("alice bob carol dave erin frank grace heidi ivan judy mallory niaj olivia peggy rupert sybil trent victor walter")

func fill(rng *rand.Rand, template string) string {
	for {
		from := strings.IndexByte(template, '{')
		if from < 0 {
			return template
		}
		to := strings.IndexByte(template, '}')
		template = template[:from] + value(rng, template[from+1:to]) + template[to+1:]
	}
}

func value(rng *rand.Rand, kind string) string {
	switch kind {
	case "host":
		return fmt.Sprintf("%d.%d.%d.%d", rng.IntN(256), rng.IntN(256), rng.IntN(256), rng.IntN(256))
	case "day":
		return fmt.Sprintf("0811%02d %02d%02d%02d", 1+rng.IntN(28), rng.IntN(24), rng.IntN(60), rng.IntN(60))
	case "syslog":
		return fmt.Sprintf("%s %s %d %02d:%02d:%02d", strings.Fields("Mon Tue Wed Thu")[rng.IntN(4)], strings.Fields("Jan Feb Jun Dec")[rng.IntN(4)], 1+rng.IntN(28), rng.IntN(24), rng.IntN(60), rng.IntN(60))
	case "stamp":
		return fmt.Sprintf("17/06/%02d %02d:%02d:%02d", 1+rng.IntN(28), rng.IntN(24), rng.IntN(60), rng.IntN(60))
	case "iso":
		return fmt.Sprintf("2026-01-%02dT%02d:%02d:%02d.%03dZ", 1+rng.IntN(28), rng.IntN(24), rng.IntN(60), rng.IntN(60), rng.IntN(1000))
	case "ip":
		return fmt.Sprintf("%d.%d.%d.%d:%d", rng.IntN(256), rng.IntN(256), rng.IntN(256), rng.IntN(256), rng.IntN(65536))
	case "user":
		return users[rng.IntN(len(users))]
	case "uuid":
		return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", rng.Uint32(), rng.IntN(65536), rng.IntN(65536), rng.IntN(65536), rng.Uint64()>>16)
	case "hex":
		return fmt.Sprintf("0x%016x", rng.Uint64())
	case "id":
		return fmt.Sprintf("blk_-%d", rng.Uint64())
	case "path":
		return fmt.Sprintf("/var/lib/%s/%s", users[rng.IntN(len(users))], users[rng.IntN(len(users))])
	case "letter":
		return string(rune('a' + rng.IntN(6)))
	case "app":
		return pick(rng, "nginx redis checkout cart frontend shipping billing search firefox mysqld java worker")
	case "table":
		return pick(rng, "orders customers invoices line_items accounts products audit_log payments")
	case "pod":
		return fmt.Sprintf("%s-%x-%05x", users[rng.IntN(len(users))], 1<<20+rng.IntN(1<<30), rng.IntN(1<<20))
	case "domain":
		return pick(rng, "mail gw news shop static cdn") + "." + pick(rng, "example.com example.org example.net acme.test")
	case "queue":
		return fmt.Sprintf("%010X", rng.Uint64()>>24)
	case "sql":
		return fmt.Sprintf("2026-01-%02d %02d:%02d:%02d.%03d UTC [%d]", 1+rng.IntN(28), rng.IntN(24), rng.IntN(60), rng.IntN(60), rng.IntN(1000), rng.IntN(100000))
	case "safepoint":
		return pick(rng, "G1CollectForAllocation Cleanup RevokeBias ThreadDump G1PauseRemark Deoptimize")
	case "service":
		return []string{"Windows Update", "Print Spooler", "Background Intelligent Transfer Service", "Volume Shadow Copy", "Software Protection", "WMI Performance Adapter"}[rng.IntN(6)]
	case "rack":
		return fmt.Sprintf("R%02d-M%d-N%X-C:J%02d-U%02d", rng.IntN(64), rng.IntN(2), rng.IntN(16), rng.IntN(18), rng.IntN(12))
	case "mail":
		return users[rng.IntN(len(users))] + "@example.com"
	case "time":
		return fmt.Sprintf("2026-01-%02d %02d:%02d:%02d,%03d", 1+rng.IntN(28), rng.IntN(24), rng.IntN(60), rng.IntN(60), rng.IntN(1000))
	}
	return fmt.Sprint(rng.IntN(100000))
}

// pick is one of the words of a list.
func pick(rng *rand.Rand, list string) string {
	words := strings.Fields(list)
	return words[rng.IntN(len(words))]
}

// TestGroupingAccuracy: the share of messages whose category holds exactly the
// messages of their statement.
func TestGroupingAccuracy(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	c := New(Limits{})
	const n = 6000
	truth, got := make([]int, n), make([]int, n)
	for i := range n {
		truth[i] = rng.IntN(len(templates))
		got[i], _ = c.Categorize([]byte(fill(rng, templates[truth[i]])), nil)
	}
	if share := grouping(truth, got); share < 0.9 {
		for id := 1; id <= c.Len(); id++ {
			t.Log(c.Definition(id).NumMatches, c.Definition(id).Terms)
		}
		t.Errorf("grouping accuracy %.3f, want 0.90", share)
	}
	if s := c.Stats(); s.Warn || s.Documents != n || s.Total < 20 || s.Total > 60 {
		t.Errorf("stats are %+v", s)
	}
}

// TestUnlikeStaysApart: sentences that share words do not melt into one, however
// many come.
func TestUnlikeStaysApart(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	c := New(Limits{})
	words := strings.Fields("alpha bravo charlie delta echo foxtrot golf hotel india juliett kilo lima mike november oscar papa quebec romeo sierra tango")
	for range 3000 {
		var text []string
		for range 6 {
			text = append(text, words[rng.IntN(len(words))])
		}
		c.Categorize([]byte(strings.Join(text, " ")), nil)
	}
	if c.Len() < 300 {
		t.Errorf("%d categories of random sentences: they merged", c.Len())
	}
	for id := 1; id <= c.Len(); id++ {
		if d := c.Definition(id); d.Terms == "" {
			t.Fatalf("category %d has nothing in common: %+v", id, d)
		}
	}
}

func TestDefinition(t *testing.T) {
	c := New(Limits{Examples: 2})
	for i, text := range []string{"User bob logged in again", "User alice logged in again", "User bob logged in again", "User carol logged in again"} {
		if id, changed := c.Categorize([]byte(text), nil); id != 1 || changed != (i < 2) {
			t.Errorf("message %d: category %d, changed %v", i, id, changed)
		}
	}
	got := c.Definition(1)
	if got.Terms != "User logged in again" || got.Regex != ".*?User.+?logged.+?in.+?again.*" || got.NumMatches != 4 || got.MaxMatchingLength != 28 ||
		len(got.Examples) != 2 || got.Examples[0] != "User alice logged in again" {
		t.Errorf("definition is %+v", got)
	}
}

func TestNoRoom(t *testing.T) {
	c := New(Limits{MaxCategories: 1})
	c.Categorize([]byte("one thing"), nil)
	if id, _ := c.Categorize([]byte("quite another"), nil); id != 0 || c.Stats().Failed != 1 {
		t.Errorf("category %d, stats %+v", id, c.Stats())
	}
}

// TestRestoredGoesOn: encoding in the middle of a stream changes nothing.
func TestRestoredGoesOn(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	straight, broken := New(Limits{}), New(Limits{})
	for i := range 3000 {
		message := []byte(fill(rng, templates[rng.IntN(len(templates))]))
		if rng.IntN(4) == 0 {
			message = []byte(strings.Join(strings.Fields(fmt.Sprint("word", rng.IntN(9), " other ", users[rng.IntN(9)], " ", users[rng.IntN(9)], " end")), " "))
		}
		a, ca := straight.Categorize(message, nil)
		b, cb := broken.Categorize(message, nil)
		if a != b || ca != cb {
			t.Fatalf("message %d: category %d and %d", i, a, b)
		}
		if i%500 == 250 {
			r := codec.NewReader(broken.Clone().Append(nil))
			broken = Decode(r)
			if err := r.Done(); err != nil {
				t.Fatal(err)
			}
			if broken.Stats() != straight.Stats() {
				t.Fatalf("stats are %+v after decoding, %+v before", broken.Stats(), straight.Stats())
			}
			if broken.Bytes() != straight.Bytes() {
				t.Fatalf("memory is %d after decoding, %d before", broken.Bytes(), straight.Bytes())
			}
		}
	}
	if !bytes.Equal(straight.Append(nil), broken.Append(nil)) {
		t.Error("states differ")
	}
}

func FuzzCategorize(f *testing.F) {
	f.Add("a b c", "a b d")
	f.Add("\n\n x=1", "\xff\xfe")
	f.Fuzz(func(t *testing.T, a, b string) {
		c := New(Limits{})
		for _, m := range []string{a, b, a} {
			if id, _ := c.Categorize([]byte(m), nil); id < 1 || id > c.Len() {
				t.Fatalf("category %d of %d", id, c.Len())
			}
		}
		_ = c.Definition(1)
		r := codec.NewReader(c.Append(nil))
		if d := Decode(r); r.Done() != nil || !bytes.Equal(d.Append(nil), c.Append(nil)) {
			t.Fatal("it does not survive encoding")
		}
	})
}

func FuzzDecode(f *testing.F) {
	c := New(Limits{})
	c.Categorize([]byte("User bob logged in"), nil)
	f.Add(c.Append(nil))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r := codec.NewReader(raw)
		if d := Decode(r); r.Err() == nil {
			d.Categorize([]byte("User bob logged in"), nil)
		}
	})
}

func BenchmarkCategorize(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	c := New(Limits{})
	var messages [][]byte
	for range 4096 {
		messages = append(messages, []byte(fill(rng, templates[rng.IntN(len(templates))])))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		c.Categorize(messages[i%len(messages)], nil)
	}
}
