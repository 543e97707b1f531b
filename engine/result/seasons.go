package result

// Seasons is what one series is believed to do by the clock and the calendar.
type Seasons struct {
	Split
	// Function is what is modeled: metric has three.
	Function string
	// Buckets is how many were learned.
	Buckets int64
	// Level is where the series is but for its seasons, Moved by how much it has moved
	// within the last day, 0: it has not.
	Level, Moved float64
	Cycles       []Cycle
	Daily        []DailyJob
	Monthly      []MonthlyDay
}

// Cycle is a season with a period.
type Cycle struct {
	PeriodMs, SinceMs int64
	// Swing is from its lowest to its highest value, Strength its share in the variance
	// of itself and of the noise.
	Swing, Strength float64
}

// DailyJob is what happens in one bucket of certain weekdays.
type DailyJob struct {
	// AtMs counts from local midnight.
	AtMs   int64
	Height float64
	// Days are the weekdays, Monday first.
	Days [7]bool
}

// MonthlyDay is what happens on certain days of each month.
type MonthlyDay struct {
	// Days names them: "last day of the month".
	Days string
	// Height is what it adds in the hour in which that is most.
	Height float64
	// Times is how often it came, LastMs the local day on which it did last.
	Times  int
	LastMs int64
}
