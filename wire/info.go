package wire

import "github.com/go-json-experiment/json/jsontext"

// Info is the answer to GET /. Version and Tagline are absent when the server
// was told to drop the fields that exist only for official clients.
type Info struct {
	Name        string       `json:"name"`
	ClusterName string       `json:"cluster_name"`
	ClusterUUID string       `json:"cluster_uuid"`
	Version     *InfoVersion `json:"version,omitzero"`
	Tagline     string       `json:"tagline,omitzero"`
	Tidemark    InfoTidemark `json:"tidemark"`
}

// InfoVersion is what official clients read to know whom they talk to.
type InfoVersion struct {
	Number        string `json:"number"`
	BuildFlavor   string `json:"build_flavor"`
	BuildType     string `json:"build_type"`
	BuildHash     string `json:"build_hash"`
	BuildDate     string `json:"build_date"`
	BuildSnapshot bool   `json:"build_snapshot"`
	LuceneVersion string `json:"lucene_version"`
	MinimumWire   string `json:"minimum_wire_compatibility_version"`
	MinimumIndex  string `json:"minimum_index_compatibility_version"`
}

// Tagline is the last line of GET / that old clients look for.
const Tagline = "You Know, for Search"

// InfoTidemark says what really answers.
type InfoTidemark struct {
	Version string `json:"version"`
	Build   string `json:"build,omitzero"`
}

// NewInfo returns the whole answer to GET / for the given API version; empty
// means Version.
func NewInfo(name, clusterUUID, version, build string) Info {
	if version == "" {
		version = Version
	}
	return Info{
		Name:        name,
		ClusterName: "tidemark",
		ClusterUUID: clusterUUID,
		Version: &InfoVersion{
			Number:        version,
			BuildFlavor:   "default",
			BuildType:     "tar",
			BuildHash:     "unknown",
			BuildDate:     "1970-01-01T00:00:00.000Z",
			LuceneVersion: "10.0.0",
			MinimumWire:   "8.19.0",
			MinimumIndex:  "8.0.0",
		},
		Tagline:  Tagline,
		Tidemark: InfoTidemark{Version: Release, Build: build},
	}
}

// MLInfo is the answer to GET _ml/info: what a new job gets if it says nothing,
// and what bounds it.
type MLInfo struct {
	Defaults    MLDefaults        `json:"defaults"`
	UpgradeMode bool              `json:"upgrade_mode"`
	NativeCode  MLNativeCode      `json:"native_code"`
	Limits      map[string]string `json:"limits"`
}

// MLDefaults are the defaults of jobs and datafeeds.
type MLDefaults struct {
	AnomalyDetectors MLJobDefaults `json:"anomaly_detectors"`
	Datafeeds        struct {
		ScrollSize int `json:"scroll_size"`
	} `json:"datafeeds"`
}

// MLJobDefaults are the defaults of jobs.
type MLJobDefaults struct {
	// CategorizationAnalyzer is an analyzer as a job shows it.
	CategorizationAnalyzer               jsontext.Value `json:"categorization_analyzer"`
	ModelMemoryLimit                     string         `json:"model_memory_limit"`
	CategorizationExamplesLimit          int64          `json:"categorization_examples_limit"`
	ModelSnapshotRetentionDays           int64          `json:"model_snapshot_retention_days"`
	DailyModelSnapshotRetentionAfterDays int64          `json:"daily_model_snapshot_retention_after_days"`
}

// MLNativeCode names the engine's version.
type MLNativeCode struct {
	Version   string `json:"version"`
	BuildHash string `json:"build_hash"`
}
