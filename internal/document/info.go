package document

import "tidemark/wire"

// defaultScrollSize is what datafeeds of this API read at once by default.
const defaultScrollSize = 1000

// Info tells the defaults that ParseJobWithin fills in. maxMiB bounds memory limits,
// 0: nothing does but the machine's memory, machineMiB.
func Info(build string, maxMiB, machineMiB int64) wire.MLInfo {
	machine := wire.FormatMemoryLimit(machineMiB)
	info := wire.MLInfo{
		NativeCode: wire.MLNativeCode{Version: wire.Release, BuildHash: build},
		Limits:     map[string]string{"total_ml_memory": machine, "effective_max_model_memory_limit": machine},
	}
	if maxMiB > 0 {
		info.Limits["max_model_memory_limit"] = wire.FormatSize(maxMiB * wire.MiB)
		info.Limits["effective_max_model_memory_limit"] = wire.FormatMemoryLimit(min(maxMiB, machineMiB))
	}
	info.Defaults.AnomalyDetectors = wire.MLJobDefaults{
		CategorizationAnalyzer:               defaultAnalyzer(nil),
		ModelMemoryLimit:                     wire.FormatSize(defaultMemory(maxMiB) * wire.MiB),
		CategorizationExamplesLimit:          defaultExamples,
		ModelSnapshotRetentionDays:           defaultRetentionDays,
		DailyModelSnapshotRetentionAfterDays: defaultDailyRetentionDays,
	}
	info.Defaults.Datafeeds.ScrollSize = defaultScrollSize
	return info
}
