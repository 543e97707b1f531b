# Targets that need more than `go test ./...` does.

# accuracy scores every folder of CSV files below DATA with the defaults, into OUT,
# and measures noise and troubles: docs/accuracy.md has the figures.
DATA ?= data
OUT ?= accuracy
# NAB is a folder of the Numenta Anomaly Benchmark, with data and labels.
NAB ?=
.PHONY: accuracy
accuracy:
	go build -o $(OUT)/tidemark ./cmd/tidemark
	for set in $(DATA)/*/; do $(OUT)/tidemark detect --rows -o $(OUT)/$$(basename $$set) $$set; done
ifneq ($(NAB),)
	$(OUT)/tidemark detect --rows -o $(OUT)/nab $(NAB)/data
	go test ./test/accuracy -run 'TestNAB$$' -accuracy.nab=$(abspath $(NAB)) -accuracy.scored=$(abspath $(OUT))/nab -v
endif
	go test ./test/accuracy -run 'TestPower|TestMild' -accuracy.trials=400 -v
	go test ./test/accuracy -run 'TestNoise$$' -accuracy.noise=252 -accuracy.seeds=10 -v -timeout 1h
