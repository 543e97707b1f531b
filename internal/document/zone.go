package document

import (
	"time"
	// Zones must be known on a machine that has no database of them.
	_ "time/tzdata"

	"github.com/go-json-experiment/json"

	"tidemark/engine/spec"
	"tidemark/wire"
)

// settings are the members of custom_settings that concern this product.
type settings struct {
	Tidemark struct {
		TimeZone    string `json:"time_zone"`
		IdleAdvance string `json:"idle_advance"`
		MaxFuture   string `json:"max_future"`
	} `json:"tidemark"`
}

func settingsOf(j *wire.Job) (s settings, err error) {
	if len(j.CustomSettings) == 0 {
		return s, nil
	}
	if err := json.Unmarshal(j.CustomSettings, &s); err != nil {
		return s, wire.Refuse(wire.TypeIllegalArgument, "custom_settings.tidemark cannot be read: %v", err)
	}
	return s, nil
}

// ClockOf returns how a job follows the wall clock: after how long without a record
// its time is moved on, and how far ahead of the clock records may be. 0 means off.
// The error is a *wire.Refusal.
func ClockOf(j *wire.Job) (idle, future time.Duration, err error) {
	s, err := settingsOf(j)
	if err != nil {
		return 0, 0, err
	}
	for _, p := range []struct {
		name, value string
		to          *time.Duration
	}{{"idle_advance", s.Tidemark.IdleAdvance, &idle}, {"max_future", s.Tidemark.MaxFuture, &future}} {
		if p.value == "" {
			continue
		}
		if *p.to, err = wire.ParseDuration("custom_settings.tidemark."+p.name, p.value); err == nil && *p.to < time.Second {
			err = wire.Refuse(wire.TypeIllegalArgument, "custom_settings.tidemark.%s must be at least 1s. Value = %s", p.name, wire.Clip(p.value))
		}
		if err != nil {
			return 0, 0, err
		}
	}
	return idle, future, nil
}

// zoneUntil is how far the offsets of a zone are listed: the rules of today hold
// until then.
var zoneUntil = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)

// zoneOf is the time zone that custom_settings.tidemark.time_zone names, nil for
// UTC.
func zoneOf(j *wire.Job) (spec.Zone, error) {
	s, err := settingsOf(j)
	if err != nil {
		return nil, err
	}
	name := s.Tidemark.TimeZone
	if name == "" || name == "UTC" {
		return nil, nil
	}
	location, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, wire.Refuse(wire.TypeIllegalArgument, "custom_settings.tidemark.time_zone [%s] is no known time zone; give an IANA name such as Europe/Berlin", wire.Clip(name))
	}
	return offsets(location), nil
}

func offsets(location *time.Location) (z spec.Zone) {
	for at := time.Unix(0, 0).In(location); at.Before(zoneUntil); {
		_, seconds := at.Zone()
		o := spec.Offset{FromMs: at.UnixMilli(), OffsetMs: int64(seconds) * 1000}
		if len(z) == 0 || z[len(z)-1].OffsetMs != o.OffsetMs {
			z = append(z, o)
		}
		_, end := at.ZoneBounds()
		if end.IsZero() {
			break
		}
		// Behind the listed years a bound may be the time itself, at the end of a
		// year.
		if !end.After(at) {
			end = at.AddDate(0, 0, 1)
		}
		at = end
	}
	return z
}
