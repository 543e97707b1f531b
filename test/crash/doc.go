// Package crash kills the real binary at random moments under load and holds
// it to its promise: nothing acknowledged is lost, no upload is taken in part,
// nothing is doubled, and final results equal those of an undisturbed run.
package crash
