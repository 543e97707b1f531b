package wire

import "github.com/go-json-experiment/json/jsontext"

// SearchResponse is the answer to _search.
type SearchResponse struct {
	Took     int64 `json:"took"` // milliseconds
	TimedOut bool  `json:"timed_out"`
	Hits     struct {
		// Total is absent if it was not asked for.
		Total    *TotalHits `json:"total,omitzero"`
		MaxScore *float64   `json:"max_score"`
		Hits     []Hit      `json:"hits"`
	} `json:"hits"`
	// Aggregations has the answers by name, as JSON.
	Aggregations map[string]jsontext.Value `json:"aggregations,omitempty"`
}

// TotalHits is how many documents a search found: that many if the relation is eq,
// at least that many if it is gte.
type TotalHits struct {
	Value    int64  `json:"value"`
	Relation string `json:"relation"`
}

// Hit is a document that a search found.
type Hit struct {
	Index  string           `json:"_index"`
	ID     string           `json:"_id"`
	Score  *float64         `json:"_score"`
	Source jsontext.Value   `json:"_source,omitzero"`
	Sort   []jsontext.Value `json:"sort,omitempty"`
}

// CountResponse is the answer to _count.
type CountResponse struct {
	Count int64 `json:"count"`
}

// BulkResponse is the answer to _bulk: what became of each line, in order.
type BulkResponse struct {
	Took   int64 `json:"took"` // milliseconds
	Errors bool  `json:"errors"`
	// Items have one member each, named by the action.
	Items []map[string]BulkItem `json:"items"`
}

// BulkItem is what became of one action.
type BulkItem struct {
	Index  string      `json:"_index"`
	ID     string      `json:"_id"`
	Result string      `json:"result,omitzero"`
	Status int         `json:"status"`
	Error  *ErrorCause `json:"error,omitzero"`
}

// DocumentWritten is the answer to writing or removing a document: created,
// updated, deleted or not_found.
type DocumentWritten struct {
	Index       string `json:"_index"`
	ID          string `json:"_id"`
	Version     int64  `json:"_version"`
	Result      string `json:"result"`
	SeqNo       int64  `json:"_seq_no"`
	PrimaryTerm int64  `json:"_primary_term"`
}

// Document is the answer to GET of a document.
type Document struct {
	Index       string         `json:"_index"`
	ID          string         `json:"_id"`
	Version     int64          `json:"_version,omitzero"`
	SeqNo       int64          `json:"_seq_no,omitzero"`
	PrimaryTerm int64          `json:"_primary_term,omitzero"`
	Found       bool           `json:"found"`
	Source      jsontext.Value `json:"_source,omitzero"`
}

// IndexCreated is the answer to making an index.
type IndexCreated struct {
	Acknowledged       bool   `json:"acknowledged"`
	ShardsAcknowledged bool   `json:"shards_acknowledged"`
	Index              string `json:"index"`
}

// Refreshed is the answer to a refresh.
type Refreshed struct {
	Shards struct {
		Total      int64 `json:"total"`
		Successful int64 `json:"successful"`
		Failed     int64 `json:"failed"`
	} `json:"_shards"`
}
