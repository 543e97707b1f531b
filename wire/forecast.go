package wire

// ForecastStarted is the answer to POST _forecast.
type ForecastStarted struct {
	Acknowledged bool   `json:"acknowledged"`
	ForecastID   string `json:"forecast_id"`
}

// ForecastStats is the document that tells how a forecast went.
type ForecastStats struct {
	JobID                string   `json:"job_id"`
	ResultType           string   `json:"result_type"`
	ForecastID           string   `json:"forecast_id"`
	ProcessedRecordCount int64    `json:"processed_record_count"`
	ForecastMessages     []string `json:"forecast_messages"`
	Timestamp            Millis   `json:"timestamp"`
	ForecastStart        Millis   `json:"forecast_start_timestamp"`
	ForecastEnd          Millis   `json:"forecast_end_timestamp"`
	ForecastCreate       Millis   `json:"forecast_create_timestamp"`
	// ForecastExpiry is when it may be removed; 0 means never.
	ForecastExpiry   Millis  `json:"forecast_expiry_timestamp"`
	ForecastProgress float64 `json:"forecast_progress"`
	ProcessingTimeMs int64   `json:"processing_time_ms"`
	MemoryBytes      int64   `json:"forecast_memory_bytes"`
	ForecastStatus   string  `json:"forecast_status"`
}
