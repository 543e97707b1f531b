package wire

import (
	"fmt"
	"mime"
	"strconv"
	"strings"
)

// Media is a media type of the API.
type Media struct {
	// Lines is true for newline-delimited JSON.
	Lines bool
	// Compat is the API version that a vendor type asks for (7, 8 or 9), the current
	// one if it names none; 0 for the plain types.
	Compat int
	// Any is true if the header was absent or took anything.
	Any bool
}

// The majors that vendor media types may ask for.
const (
	minCompat     = 7
	currentCompat = 9
)

const (
	vendorJSON  = "application/vnd.elasticsearch+json"
	vendorLines = "application/vnd.elasticsearch+x-ndjson"
)

// String writes the media type as a Content-Type.
func (m Media) String() string {
	name := "application/json"
	switch {
	case m.Compat == 0 && m.Lines:
		return "application/x-ndjson"
	case m.Compat == 0:
		return name
	case m.Lines:
		name = vendorLines
	default:
		name = vendorJSON
	}
	return name + ";compatible-with=" + strconv.Itoa(m.Compat)
}

// Reply is the media type of an answer to a request that accepts m.
func (m Media) Reply() string {
	return Media{Compat: m.Compat}.String()
}

// ParseContentType reads the Content-Type of a request with a body. The error
// is a *Refusal with status 406 or 400.
func ParseContentType(header string) (Media, error) {
	if header == "" {
		return Media{}, notAcceptable("Content-Type header is missing; send Content-Type: application/json")
	}
	m, known, err := parseMedia(header)
	if err != nil {
		return Media{}, err
	}
	if !known || m.Any {
		return Media{}, notAcceptable("Content-Type header [%s] is not supported; use application/json or application/x-ndjson", Clip(header))
	}
	return m, nil
}

// ParseAccept reads an Accept header, a list of which the first known type
// counts; absent means any. The error is a *Refusal with status 406 or 400.
func ParseAccept(header string) (Media, error) {
	if strings.TrimSpace(header) == "" {
		return Media{Any: true}, nil
	}
	var refused error
	for part := range strings.SplitSeq(header, ",") {
		m, known, err := parseMedia(part)
		if err != nil {
			refused = err
			continue
		}
		if known {
			return m, nil
		}
	}
	if refused != nil {
		return Media{}, refused
	}
	return Media{}, notAcceptable("Accept header [%s] is not supported; use application/json", Clip(header))
}

// CheckCompat reports an error if the headers of a request with a body ask for
// different versions. The plain type stands for the current one.
func CheckCompat(content, accept Media) error {
	if accept.Any || version(content) == version(accept) {
		return nil
	}
	return Refuse(TypeStatus, "A compatible version is required on both Content-Type and Accept headers if either one has requested one, "+
		"and they must be the same: Accept=[%s], Content-Type=[%s]", accept, content)
}

func version(m Media) int {
	if m.Compat == 0 {
		return currentCompat
	}
	return m.Compat
}

// parseMedia reads one media type; known is false for those the API does not
// speak.
func parseMedia(header string) (m Media, known bool, err error) {
	name, params, parseErr := mime.ParseMediaType(header)
	if parseErr != nil {
		return Media{}, false, nil
	}
	if charset, given := params["charset"]; given && !strings.EqualFold(charset, "utf-8") {
		return Media{}, false, nil
	}
	switch name {
	case "*/*", "application/*":
		return Media{Any: true}, true, nil
	case "application/json":
		m = Media{}
	case "application/x-ndjson":
		m = Media{Lines: true}
	case vendorJSON, vendorLines:
		compat, given := params["compatible-with"]
		if !given {
			compat = strconv.Itoa(currentCompat)
		}
		m, err = vendor(name, compat, header)
		return m, err == nil, err
	default:
		return Media{}, false, nil
	}
	return m, true, nil
}

func vendor(name, compat, header string) (Media, error) {
	n, err := strconv.Atoi(compat)
	if err != nil || n < minCompat || n > currentCompat {
		return Media{}, &Refusal{Status: 400, Type: TypeMediaType,
			Reason: fmt.Sprintf("the media type [%s] asks for API version [%s]; compatible-with must be %d to %d",
				Clip(header), Clip(compat), minCompat, currentCompat)}
	}
	return Media{Lines: name == vendorLines, Compat: n}, nil
}

func notAcceptable(format string, args ...any) *Refusal {
	return &Refusal{Status: 406, Type: TypeMediaType, Reason: fmt.Sprintf(format, args...), Plain: true}
}
