package main

import (
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
)

var reserved = []string{"policies", "sallyport", "sallyport_build", "system"}

func keysOf[V any](m map[string]V) iter.Seq[string] {
	return maps.Keys(m)
}

func checkData(report *report, data map[string]any) {
	for _, key := range reserved {
		if _, taken := data[key]; taken {
			report.add(nil, "reserved_data", fmt.Sprintf("the data has a top-level key %q, which would stand where the rules are", key), "give the data another name")
		}
	}
	thresholds, present := data["thresholds"]
	if !present {
		return
	}
	object, isObject := thresholds.(map[string]any)
	if !isObject {
		report.add(nil, "thresholds", "data.thresholds is no object", "write `thresholds: {approve: 70, deny: 100, reviewers: [oncall]}`")
		return
	}
	for _, key := range slices.Sorted(keysOf(object)) {
		if !slices.Contains([]string{"approve", "deny", "reviewers"}, key) {
			report.add(nil, "thresholds", fmt.Sprintf("data.thresholds has a key %q, which nothing reads", key), "use approve, deny and reviewers")
		}
	}
	approve, approveIsNumber := numberOr(object["approve"], 70)
	deny, denyIsNumber := numberOr(object["deny"], 100)
	if !approveIsNumber || !denyIsNumber || approve < 0 || approve > deny {
		report.add(nil, "thresholds", fmt.Sprintf("data.thresholds must be numbers with 0 ≤ approve ≤ deny, and has approve %v and deny %v", shown(object["approve"], 70), shown(object["deny"], 100)),
			"give both; approve is 70 and deny is 100 where they are left out")
	}
	if reviewers, present := object["reviewers"]; present && !areNames(reviewers) {
		report.add(nil, "thresholds", "data.thresholds.reviewers must be a non-empty array of group names", "write `reviewers: [oncall]`")
	}
}

func numberOr(value any, standard float64) (float64, bool) {
	switch number := value.(type) {
	case nil:
		return standard, true
	case json.Number:
		float, err := number.Float64()
		return float, err == nil
	case float64:
		return number, true
	case int:
		return float64(number), true
	}
	return 0, false
}

func shown(value any, standard int) any {
	if value == nil {
		return standard
	}
	return value
}

func areNames(value any) bool {
	names, isArray := value.([]any)
	if !isArray || len(names) == 0 {
		return false
	}
	for _, name := range names {
		if text, isText := name.(string); !isText || text == "" {
			return false
		}
	}
	return true
}
