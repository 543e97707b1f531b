package feed

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// Progress shows how far a feed is: a bar on a terminal, a line now and then
// elsewhere.
type Progress struct {
	out   io.Writer
	bar   *progressbar.ProgressBar
	total int64
	began time.Time
	said  time.Time
}

// lineEvery is how often a line is written where there is no terminal.
const lineEvery = 5 * time.Second

// NewProgress starts to show progress towards total bytes; 0: not known.
func NewProgress(out io.Writer, terminal bool, total int64) *Progress {
	p := &Progress{out: out, total: total, began: time.Now(), said: time.Now()}
	if terminal {
		limit := total
		if limit <= 0 {
			limit = -1
		}
		p.bar = progressbar.NewOptions64(limit,
			progressbar.OptionSetWriter(out), progressbar.OptionShowBytes(true), progressbar.OptionSetWidth(30),
			progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(),
			progressbar.OptionSetDescription("sending"))
	}
	return p
}

// Update says how many records were sent and how many bytes of the total that
// was.
func (p *Progress) Update(records, done int64) {
	rate := float64(records) / max(time.Since(p.began).Seconds(), 1e-3)
	switch {
	case p.bar != nil:
		p.bar.Describe(fmt.Sprintf("%s records, %s/s", Thousands(records), Thousands(int64(rate))))
		_ = p.bar.Set64(done) // The bar is for show.
	case time.Since(p.said) >= lineEvery:
		p.said = time.Now()
		left := ""
		if p.total > 0 && done > 0 {
			left = fmt.Sprintf(", %d%%, %s left", done*100/p.total,
				time.Duration(float64(time.Since(p.began))*float64(p.total-done)/float64(done)).Round(time.Second))
		}
		fmt.Fprintf(p.out, "%s records, %s/s%s\n", Thousands(records), Thousands(int64(rate)), left)
	}
}

// Finish ends the bar.
func (p *Progress) Finish() {
	if p.bar != nil {
		_ = p.bar.Finish() // The bar is for show.
	}
}

// Thousands writes a number with commas.
func Thousands(n int64) string {
	s := fmt.Sprint(n)
	at := len(s) - 3
	if n < 0 {
		at = max(at, 1)
	}
	for ; at > 0 && s[at-1] != '-'; at -= 3 {
		s = s[:at] + "," + s[at:]
	}
	return s
}

// IsTerminal reports whether a stream is a terminal that can show a bar.
func IsTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(f.Fd()))
}
