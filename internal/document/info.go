package document

import "tidemark/wire"

// defaultScrollSize is what datafeeds of this API read at once by default.
const defaultScrollSize = 1000

// Info tells the defaults that ParseJob fills in.
func Info(build string) wire.MLInfo {
	info := wire.MLInfo{
		NativeCode: wire.MLNativeCode{Version: wire.Release, BuildHash: build},
		Limits:     map[string]string{},
	}
	info.Defaults.AnomalyDetectors = wire.MLJobDefaults{
		CategorizationAnalyzer:               defaultAnalyzer(nil),
		ModelMemoryLimit:                     "1gb",
		CategorizationExamplesLimit:          defaultExamples,
		ModelSnapshotRetentionDays:           defaultRetentionDays,
		DailyModelSnapshotRetentionAfterDays: defaultDailyRetentionDays,
	}
	info.Defaults.Datafeeds.ScrollSize = defaultScrollSize
	return info
}
