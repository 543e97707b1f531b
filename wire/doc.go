// Package wire holds the JSON shapes of the HTTP API with their exact field
// names and order, the strings it uses for times, durations and sizes, its
// media types and its error envelope. It knows nothing of how answers are made,
// so that server and client can share it.
package wire
