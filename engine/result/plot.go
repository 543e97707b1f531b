package result

// Split names one series of a detector.
type Split struct {
	Detector            int
	Partition, By       string
	HasPartition, HasBy bool
}

// Plot is what a model expected of one series in one bucket.
type Plot struct {
	Split
	Lower, Upper, Median float64
	Actual               float64
	HasActual            bool
}

// Forecast is what a model expects of one series in a bucket to come.
type Forecast struct {
	Split
	StartMs             int64
	Value, Lower, Upper float64
}
