package wire

// SeasonsResponse is the answer to GET seasons.
type SeasonsResponse struct {
	// Count is how many series there are that the query names.
	Count  int64           `json:"count"`
	Series []SeriesSeasons `json:"series"`
}

// SeriesSeasons is what one series is believed to do by the clock and the calendar.
// Times of day and days are those of the job's time zone.
type SeriesSeasons struct {
	DetectorIndex       int     `json:"detector_index"`
	Function            string  `json:"function"`
	FieldName           string  `json:"field_name,omitempty"`
	PartitionFieldName  string  `json:"partition_field_name,omitempty"`
	PartitionFieldValue *string `json:"partition_field_value,omitempty"`
	ByFieldName         string  `json:"by_field_name,omitempty"`
	ByFieldValue        *string `json:"by_field_value,omitempty"`
	// Buckets is how many it has learned.
	Buckets int64 `json:"buckets"`
	// Level is where it is but for its seasons, LevelMoved by how much that has moved
	// within the last day.
	Level      float64 `json:"level"`
	LevelMoved float64 `json:"level_moved,omitempty"`
	// Periods are the day, the week and another one, as far as they were found.
	Periods []SeasonPeriod `json:"periods"`
	// Daily is what happens in single buckets, Monthly on certain days of each month.
	Daily   []SeasonJob  `json:"daily"`
	Monthly []SeasonDays `json:"monthly"`
}

// SeasonPeriod is a season with a period.
type SeasonPeriod struct {
	// Period is a length of time: 1d, 7d or 10.2h.
	Period string `json:"period"`
	// Since is the day on which it was found.
	Since string `json:"since"`
	// Swing is from its lowest to its highest value.
	Swing float64 `json:"swing"`
	// Strength is its share in the variance of itself and of the noise, 0 to 1.
	Strength float64 `json:"strength"`
}

// SeasonJob is what one bucket adds on certain weekdays.
type SeasonJob struct {
	Time   string   `json:"time"`
	Days   []string `json:"days"`
	Height float64  `json:"height"`
}

// SeasonDays is what certain days of each month add.
type SeasonDays struct {
	Days string `json:"days"`
	// Height is that of the hour in which it is most.
	Height float64 `json:"height"`
	Times  int     `json:"times"`
	Last   string  `json:"last"`
}
