package javatime

// Common patterns of timestamps, the more specific first. Each stands for
// itself, so a guess can be shown to a person and be used as a time_format.
var common = []string{
	"yyyy-MM-dd HH:mm:ss",
	"yyyy-MM-dd'T'HH:mm:ss",
	"yyyy-MM-dd'T'HH:mm:ssX",
	"yyyy-MM-dd HH:mm:ssX",
	"yyyy-MM-dd HH:mm:ss X",
	"yyyy-MM-dd'T'HH:mm:ss.SSSX",
	"yyyy-MM-dd'T'HH:mm:ss.SSS",
	"yyyy-MM-dd HH:mm:ss.SSS",
	"yyyy-MM-dd HH:mm:ss.SSSX",
	"yyyy-MM-dd HH:mm:ss,SSS",
	"yyyy-MM-dd'T'HH:mm:ss[.SSS][X]",
	"yyyy-MM-dd HH:mm:ss[.SSS][X]",
	"yyyy-MM-dd HH:mm:ss zzz",
	"yyyy-MM-dd HH:mm",
	"yyyy-MM-dd'T'HH:mm[X]",
	"yyyy-MM-dd HH:mmX",
	"yyyy-MM-dd HH:mm X",
	"yyyy-MM-dd HH",
	"yyyy-MM-dd'T'HH",
	"yyyy/MM/dd HH:mm:ss",
	"yyyy/MM/dd HH:mm",
	"yyyy.MM.dd HH:mm:ss",
	"yyyyMMdd'T'HHmmss[X]",
	"yyyyMMdd HH:mm:ss",
	"yyyyMMddHHmmss",
	"yyyyMMddHHmm",
	"yyyyMMddHH",
	"dd/MMM/yyyy:HH:mm:ss Z",
	"EEE, d MMM yyyy HH:mm:ss zzz",
	"EEE MMM d HH:mm:ss yyyy",
	"EEE MMM d HH:mm:ss zzz yyyy",
	"d MMM yyyy HH:mm:ss",
	"d MMM yyyy HH:mm",
	"d-MMM-yyyy HH:mm:ss",
	"d-MMM-yyyy HH:mm",
	"MMM d, yyyy HH:mm:ss",
	"MMM d, yyyy HH:mm",
	"MMM d, yyyy h:mm:ss a",
	"MMM d, yyyy h:mm a",
	"MMM d HH:mm:ss",
	"MMM  d HH:mm:ss",
	"M/d/yyyy HH:mm:ss",
	"d/M/yyyy HH:mm:ss",
	"M/d/yyyy HH:mm",
	"d/M/yyyy HH:mm",
	"M/d/yyyy h:mm:ss a",
	"M/d/yyyy h:mm a",
	"M/d/yyyy, h:mm:ss a",
	"M/d/yyyy, HH:mm:ss",
	"d/M/yyyy, HH:mm:ss",
	"M/d/yy HH:mm:ss",
	"d/M/yy HH:mm:ss",
	"M/d/yy HH:mm",
	"d/M/yy HH:mm",
	"M/d/yy h:mm:ss a",
	"M/d/yy h:mm a",
	"dd.MM.yyyy HH:mm:ss",
	"dd.MM.yyyy HH:mm",
	"dd.MM.yy HH:mm:ss",
	"dd.MM.yy HH:mm",
	"dd-MM-yyyy HH:mm:ss",
	"dd-MM-yyyy HH:mm",
	"yyyy-MM-dd",
	"yyyy/MM/dd",
	"M/d/yyyy",
	"d/M/yyyy",
	"M/d/yy",
	"d/M/yy",
	"dd.MM.yyyy",
	"dd.MM.yy",
	"d-MMM-yyyy",
	"d-MMM-yy",
	"d MMM yyyy",
	"MMM d, yyyy",
	"yyyyMMdd",
}

// dayFirst pairs patterns whose day and month can be taken for each other.
var dayFirst = map[string]string{
	"M/d/yyyy HH:mm:ss":  "d/M/yyyy HH:mm:ss",
	"M/d/yyyy HH:mm":     "d/M/yyyy HH:mm",
	"M/d/yyyy":           "d/M/yyyy",
	"M/d/yyyy, HH:mm:ss": "d/M/yyyy, HH:mm:ss",
	"M/d/yy HH:mm:ss":    "d/M/yy HH:mm:ss",
	"M/d/yy HH:mm":       "d/M/yy HH:mm",
	"M/d/yy":             "d/M/yy",
}

var compiled = func() (formats []*Format) {
	for _, pattern := range common {
		f, err := CompileDate(pattern)
		if err != nil {
			panic(err) // a mistake in the table above
		}
		formats = append(formats, f)
	}
	return formats
}()

// Guess returns the first common format that reads every text, or nil.
// ambiguous is another format that reads them all and exchanges day and month.
func Guess(texts ...[]byte) (f, ambiguous *Format) {
	if len(texts) == 0 {
		return nil, nil
	}
	for _, f := range compiled {
		if !f.readsAll(texts) {
			continue
		}
		for _, other := range compiled {
			if other.pattern == dayFirst[f.pattern] && other.readsAll(texts) {
				return f, other
			}
		}
		return f, nil
	}
	return nil, nil
}

// Full reports whether the pattern gives the time of day, so that it can be a
// job's time_format.
func (f *Format) Full() bool { return f.has&(hour|hour12|milliOfDay|nanoOfDay) != 0 }

func (f *Format) readsAll(texts [][]byte) bool {
	clock := Clock{Year: 2000}
	for _, text := range texts {
		if _, ok := f.Parse(text, &clock); !ok {
			return false
		}
	}
	return true
}
