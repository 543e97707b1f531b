package wire

// Version is the API version that official clients are told in GET / and in
// job_version: they refuse servers of another major version. It says which
// dialect is spoken, not what Tidemark's own release is. The server has an
// option that replaces it.
const Version = "9.5.0"

// Release is Tidemark's own version.
const Release = "0.1.0-dev"

// Product is the value of the ProductHeader that official clients demand of
// every answer before they talk on.
const (
	ProductHeader = "X-Elastic-Product"
	Product       = "Elasticsearch"
)

// IdempotencyHeader carries a client's key for an upload: 1 to 128 printable
// ASCII bytes. An upload repeated under its key counts once.
const IdempotencyHeader = "Idempotency-Key"

// Paths of the anomaly-detection API. Both are served alike; the second is how
// clients of major version 6 spell it.
const (
	JobsPath    = "/_ml/anomaly_detectors"
	OldJobsPath = "/_xpack/ml/anomaly_detectors"
)
