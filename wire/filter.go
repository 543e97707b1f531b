package wire

// Filter is a list of values that rules refer to.
type Filter struct {
	FilterID    string `json:"filter_id"`
	Description string `json:"description,omitzero"`
	// Items are sorted; one may begin or end with * and then stands for all values
	// with the rest of it.
	Items []string `json:"items"`
}

// FilterList is the answer to reading filters.
type FilterList struct {
	Count   int64    `json:"count"`
	Filters []Filter `json:"filters"`
}
