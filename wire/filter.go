package wire

// Filter is a list of values that rules refer to.
type Filter struct {
	FilterID    string `json:"filter_id"`
	Description string `json:"description,omitzero"`
	// Items are sorted; one may begin or end with * and then stands for all values
	// with the rest of it.
	Items []string `json:"items"`
}

// FilterChange says what changes of a filter; an absent description stays.
type FilterChange struct {
	Description *string  `json:"description,omitzero"`
	AddItems    []string `json:"add_items,omitempty"`
	RemoveItems []string `json:"remove_items,omitempty"`
}

// FilterList is the answer to reading filters.
type FilterList struct {
	Count   int64    `json:"count"`
	Filters []Filter `json:"filters"`
}
